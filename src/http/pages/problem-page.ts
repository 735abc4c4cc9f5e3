import { html } from "./html.ts";
import { page } from "./layout.ts";
import { factList } from "./parts.ts";

export interface ProblemFacts {
  readonly title: string;
  readonly detail: string;
  readonly status: number;
  readonly code: string;
  /** Further members, by name. */
  readonly details: readonly (readonly [name: string, text: string])[];
}

export function problemPage({ title, detail, status, code, details }: ProblemFacts): string {
  return page({
    title,
    content: html`<p class="status-code">${status}</p>
<h1>${title}</h1>
${detail.toLowerCase() === title.toLowerCase() ? undefined : html`<p class="lead">${detail}</p>\n`}${factList({ Code: html`<code>${code}</code>`, ...Object.fromEntries(details) })}
<p><a class="button" href="/kv?delimiter=/">Browse the keys</a></p>`,
  });
}
