import { addChart } from "./charts.js";
import { find, showAges } from "./page.js";
import { figuresOf } from "./samples.js";

/**
 * Asks for this page every second, shows what is new of it and draws its figures. Nobody looks at a hidden page, so
 * that one asks nothing.
 *
 * @typedef {import("./samples.js").Sample} Sample
 */

const intervalMs = 1000;
const timeoutMs = 10_000;
/** More are not expected behind one address; the one that was heard of first is forgotten then. */
const processesMax = 300;
/** What is replaced as it comes. */
const parts = ["summary", "partitions", "sync"];

/** The last sample of each process: several may share the address. */
/** @type {Map<string, { sample: Sample, at: number }>} */
const last = new Map();
const first = sampleOf(document);
find("#charts").hidden = false;
const names = first.partitions.map(({ name }) => name);
const charts = {
  rates: addChart("Requests", ["reads", "writes", "failed"], "/s"),
  latencies: addChart("Time to answer", ["median", "99 %"], " ms"),
  batches: addChart("Batch size", ["reads", "writes"], ""),
  owed: addChart("Hints owed", names, ""),
};
last.set(first.writer, { sample: first, at: performance.now() });
setTimeout(follow, intervalMs);

async function follow() {
  const text = document.hidden ? "" : await ask();
  setTimeout(follow, intervalMs);
  if (text === undefined) lose();
  else if (text !== "") show(text, performance.now());
}

/** `undefined` when there is no answer, or none to draw. */
async function ask() {
  try {
    const response = await fetch("/status?format=html", { cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} text
 * @param {number} at
 */
function show(text, at) {
  // Parsed text runs no scripts, and the server has escaped all that is in it.
  const page = new DOMParser().parseFromString(text, "text/html");
  const sample = sampleOf(page);
  for (const id of parts) update(id, page);
  document.title = page.title;
  const before = last.get(sample.writer);
  last.set(sample.writer, { sample, at });
  if (last.size > processesMax) last.delete(last.keys().next().value ?? "");
  if (before === undefined) return;
  const figures = figuresOf(before.sample, sample, (at - before.at) / 1000);
  const now = Date.now();
  charts.rates(now, figures.rates);
  charts.latencies(now, figures.latencies);
  charts.batches(now, figures.batches);
  charts.owed(now, figures.owed);
}

/**
 * @param {string} id
 * @param {Document} page
 */
function update(id, page) {
  const fresh = page.getElementById(id);
  if (fresh === null) return;
  showAges(fresh);
  find(`#${id}`).replaceWith(fresh);
}

function lose() {
  const note = find("#connection");
  note.classList.add("problem");
  note.textContent = "This front end does not answer; asking again every second.";
}

/**
 * @param {Document} page
 * @returns {Sample}
 */
function sampleOf(page) {
  return JSON.parse(find("#summary", page).dataset.sample ?? "");
}
