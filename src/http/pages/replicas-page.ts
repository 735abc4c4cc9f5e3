import type { ReplicaRecord } from "../../store-types.ts";
import { keyHref } from "../key-href.ts";
import { html } from "./html.ts";
import { page } from "./layout.ts";
import { stateMark, table, timeMark } from "./parts.ts";

export interface ReplicaFacts {
  readonly partition: string;
  readonly state: ReplicaRecord["state"];
  readonly record: string;
  readonly version?: string;
  readonly modified?: string;
  readonly expires?: string;
}

/** What each replica holds of a key, home first. */
export function replicasPage({ key, replicas }: { key: string; replicas: readonly ReplicaFacts[] }): string {
  const rows = replicas.map(({ partition, state, record, version, modified, expires }) => [
    partition,
    stateMark(state),
    record,
    html`<code>${version}</code>`,
    modified && timeMark(modified),
    expires && timeMark(expires),
  ]);
  return page({
    title: `Replicas of ${key}`,
    section: "keys",
    script: "page.js",
    content: html`<h1>Replicas of <a class="key" href="${keyHref(key)}">${key}</a></h1>
<p class="lead">The partitions that hold this key, its home first.</p>
<section class="card">${table(["Partition", "State", "Record", "Version", "Modified", "Expires"], rows)}</section>`,
  });
}
