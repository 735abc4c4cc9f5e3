import type { PartitionDocument, StatusDocument } from "../representations/status.ts";
import { type SyncDocument, syncFacts } from "../representations/sync-status.ts";
import { loadText, topologyText } from "../representations/text.ts";
import { html, type Markup } from "./html.ts";
import { page } from "./layout.ts";
import { factList, sizeMark, stateMark, timeMark } from "./parts.ts";

/** The state of the store. A script asks for this page again and again, draws its figures and shows what changed. */
export function statusPage(status: StatusDocument): string {
  const { ready, missing, cluster, writer, replicas, topology, partitions, sync } = status;
  return page({
    title: `Status: ${ready ? "ready" : "not ready"}`,
    section: "status",
    script: "status.js",
    styles: ["uplot.css"],
    libraries: ["uplot.js"],
    content: html`<div id="summary" data-sample="${JSON.stringify(sampleOf(status))}">
<div class="headline"><h1>Status: ${ready ? "ready" : "not ready"}</h1>
<p id="connection" class="quiet">${partitions.filter(({ state }) => state === "steady").length} of ${partitions.length} partitions steady, as of <time datetime="${new Date().toISOString()}">the time of this answer</time></p></div>
${missing.length === 0 ? undefined : html`<ul class="notice error">\n${missing.map((reason) => html`<li>${reason}</li>\n`)}</ul>`}</div>
<section id="charts" class="charts" aria-label="Charts" hidden></section>
<h2>Partitions</h2>
<div id="partitions" class="tiles">
${partitions.map(partitionTile)}</div>
<div class="columns">
<section class="card" aria-labelledby="sync-title"><h2 id="sync-title">Synchronisation</h2>
<div id="sync">${factList(syncMarks(sync))}</div></section>
<section class="card" aria-labelledby="front-title"><h2 id="front-title">This front end</h2>
${factList({
  Cluster: html`<code>${cluster}</code>`,
  Writer: html`<code>${writer}</code>`,
  "Replicas of a key": replicas,
  Topology: html`<span id="topology">${topologyText(topology)}</span>`,
})}
<p class="quiet">The same as <a href="/status?format=json">JSON</a>, <a href="/status?format=xml">XML</a> or
<a href="/status?format=txt">text</a>; for Prometheus at <a href="/metrics">/metrics</a>.</p></section>
</div>
<noscript><p class="quiet">With scripts this page draws requests, latency, batches and hints as they come.</p></noscript>`,
  });
}

/** The figures that are drawn. */
function sampleOf({ writer, requests, partitions }: StatusDocument) {
  return {
    writer,
    requests,
    partitions: partitions.map(({ name, batches, owed }) => ({
      name,
      batches,
      owed: owed?.reduce((sum, { count }) => sum + count, 0),
    })),
  };
}

function partitionTile(partition: PartitionDocument): Markup {
  const { name, state, problem, engine, durability, latencyMs, url, owed, size, load } = partition;
  return html`<article class="card tile" id="partition-${name}" aria-label="${name}">
<h3>${name} ${stateMark(state)}</h3>
${problem === undefined ? undefined : html`<p class="${state === "steady" ? "caution" : "problem"}">${problem}</p>\n`}${factList(
  {
    Holds:
      size === undefined
        ? "not counted yet"
        : html`<span class="number">${size.keys.toLocaleString("en")}</span> keys, ${sizeMark(size.bytes)}, counted ${timeMark(size.at)}`,
    Load: loadText(load),
    Latency: html`<span class="number">${latencyMs} ms</span>`,
    Owes: owedMark(owed),
    Engine: engine === "" ? undefined : engine,
    Durability: durability,
    Address: html`<code>${url}</code>`,
  },
)}
</article>
`;
}

function owedMark(owed: PartitionDocument["owed"]): Markup | string {
  if (owed === undefined) return "not known: it could not be asked";
  if (owed.length === 0) return "nothing";
  return html`${owed.map(({ target, count, oldest }) => html`<span class="owed">${count} to ${target}, the oldest ${timeMark(oldest)}</span> `)}`;
}

function syncMarks(sync: SyncDocument) {
  const { setAside, lastPass, lastPurge } = sync;
  const facts = Object.fromEntries(syncFacts({ ...sync, setAside: [] }));
  return {
    "Set aside":
      setAside.length === 0
        ? undefined
        : setAside.map(
            ({ key, target, reason }) =>
              html`<span class="problem"><span class="key">${key ?? "a record"}</span> for ${target}: ${reason}</span> `,
          ),
    "Last comparison":
      lastPass === undefined
        ? "not yet"
        : html`${timeMark(lastPass.at)}, in ${lastPass.tookMs} ms: ${lastPass.records} records, ${lastPass.differing} differing, ${lastPass.mended} mended, ${lastPass.ghosts} ghosts, ${lastPass.damaged} damaged${lastPass.missing.length === 0 ? undefined : html`<span class="problem">not compared: ${lastPass.missing.join(", ")}</span>`}`,
    "Last purge":
      lastPurge === undefined
        ? "not yet"
        : html`${timeMark(lastPurge.at)}: ${lastPurge.blocked === "" ? `${lastPurge.purged} records` : `blocked, ${lastPurge.blocked}`}`,
    Delivered: facts.delivered,
    Clock: facts.clock,
    "Unknown outcomes": facts.unknown,
  };
}
