import { ageOf, element, find } from "./page.js";

/**
 * Where the key is kept, in place of the link to it.
 * @param {string} key
 */
export async function showReplicas(key) {
  const response = await fetch(`/replicas?key=${encodeURIComponent(key)}&format=json`);
  if (!response.ok) return;
  const { replicas } = await response.json();
  const newest = replicas.map(versionOf).toSorted().at(-1);
  const rows = replicas.map((/** @type {Replica} */ replica) =>
    element(
      "tr",
      {},
      element("td", {}, replica.partition),
      element("td", {}, element("span", { class: `state state-${replica.state}` }, replica.state.replace("_", " "))),
      element("td", {}, wordFor(replica, newest)),
      element("td", {}, ...(replica.modified === undefined ? [] : [age(replica.modified)])),
    ),
  );
  const head = ["Partition", "State", "Its record", "Modified"].map((name) => element("th", { scope: "col" }, name));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  find("#replicas").replaceChildren(element("div", { class: "scroll" }, table));
}

/** @typedef {{ partition: string, state: string, record: string, version?: string, modified?: string }} Replica */

/** @param {Replica} replica */
function versionOf({ version = "" }) {
  return version;
}

/**
 * @param {Replica} replica
 * @param {string} newest
 */
function wordFor({ record, version }, newest) {
  if (record !== "live") return record;
  return version === newest ? "newest version" : "older version";
}

/** @param {string} iso */
function age(iso) {
  return element("time", { datetime: iso, title: iso }, ageOf(Date.parse(iso)));
}
