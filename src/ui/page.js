/** What all pages share: ages of points in time, and small helpers of the other scripts. */

const ages = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** @type {readonly (readonly [Intl.RelativeTimeFormatUnit, number])[]} */
const units = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/**
 * Such as `5 min. ago`.
 * @param {number} time in ms
 */
export function ageOf(time) {
  const seconds = (time - Date.now()) / 1000;
  const [unit, length] = units.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return ages.format(Math.round(seconds / length), unit);
}

/** Shows points in time as ages, with the time itself as their title. */
export function showAges(root = document.body) {
  for (const mark of root.querySelectorAll("time")) {
    mark.title ||= mark.textContent ?? "";
    mark.textContent = ageOf(Date.parse(mark.dateTime));
  }
}

/**
 * An element with texts and elements in it; texts are never taken for markup.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{ readonly [name: string]: string | ((event: Event) => void) }} attributes a function listens to the event
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string") made.setAttribute(name, value);
    else made.addEventListener(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * The one element that the page has for it.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (found === null) throw new Error(`the page lacks ${selector}`);
  return /** @type {T} */ (found);
}

const announcedMs = 6000;
const nextAnnouncement = "kvasir announcement";

/**
 * Says it to eyes and screen readers, for a while.
 * @param {string} text
 */
export function announce(text) {
  const place = find("#announcement");
  place.textContent = text;
  setTimeout(() => {
    if (place.textContent === text) place.textContent = "";
  }, announcedMs);
}

/**
 * Says it on the page that comes next.
 * @param {string} text
 */
export function announceNext(text) {
  sessionStorage.setItem(nextAnnouncement, text);
}

const waiting = sessionStorage.getItem(nextAnnouncement);
if (waiting !== null) {
  sessionStorage.removeItem(nextAnnouncement);
  announce(waiting);
}

showAges();
setInterval(showAges, 10_000);
