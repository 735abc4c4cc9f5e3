/** Markup that is safe to put into a page. Only {@link html} makes it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | undefined | readonly Part[];

/** A template whose parts are escaped, unless they are markup themselves. Lists are joined, `undefined` is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0]!;
  for (const [index, part] of parts.entries()) text += markupOf(part) + strings[index + 1]!;
  return new Markup(text);
}

/** A complete page. It has neither scripts nor styles of its own, which its security policy would refuse. */
export function page(title: string, content: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Kvasir</title>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.text;
}

/** Names and what they are, as a table with a heading in each row; what is `undefined` is left out. */
export function factTable(facts: { readonly [name: string]: Markup | string | number | undefined }): Markup {
  const rows = Object.entries(facts).filter(([, fact]) => fact !== undefined);
  return html`<table>
<tbody>
${rows.map(([name, fact]) => html`<tr><th scope="row">${name}</th><td>${fact}</td></tr>\n`)}</tbody>
</table>`;
}

function markupOf(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(markupOf).join("");
  return String(part).replaceAll(/[&<>"'\r]/g, (character) => entities[character]!);
}

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "\r": "&#13;",
};
