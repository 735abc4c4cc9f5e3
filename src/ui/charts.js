import { element, find } from "./page.js";

/** The page loads it before this module. @type {typeof import("uplot")} */
const uPlot = Reflect.get(globalThis, "uPlot");

/** Points that are kept, one a second or fewer. */
const pointsMax = 120;
/** What is shown: from the first point on, once there are enough of them. */
const windowSecondsMin = 30;
const windowSecondsMax = 120;
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
/** Of the lines in their order; what fails is always in the colour for it. */
const colours = [1, 2, 3, 4, 6];
const failedColour = 5;
const heightPx = 170;

/**
 * A chart over the last two minutes, with its latest figures as text.
 * @param {string} title
 * @param {readonly string[]} names of its lines
 * @param {string} unit
 */
export function addChart(title, names, unit) {
  const lineNames = names.map((name, index) => {
    const colour = name === "failed" ? failedColour : colours[index % colours.length];
    return { name, colour, value: element("b", {}, "–") };
  });
  const entries = lineNames.map(({ name, colour, value }) =>
    element("li", { class: `series-${colour}` }, `${name} `, value, unit),
  );
  const legend = element("ul", {}, ...entries);
  const place = element("div", { "aria-hidden": "true" });
  const figure = element("figure", { class: "card chart" }, element("figcaption", {}, title, legend), place);
  find("#charts").append(figure);

  /** @type {number[]} */
  const times = [];
  /** @type {(number | null)[][]} */
  const lines = names.map(() => []);
  let plot = draw();
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: heightPx })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot.destroy();
    plot = draw();
  });

  function draw() {
    const style = getComputedStyle(document.documentElement);
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: colour("quiet"), grid, ticks: { show: false }, font: "12px system-ui" };
    return new uPlot(
      {
        width: place.clientWidth,
        height: heightPx,
        legend: { show: false },
        cursor: { show: false },
        padding: [10, 28, 0, 0],
        scales: {
          x: {
            range: (_plot, min, max) => [Math.max(Math.min(min, max - windowSecondsMin), max - windowSecondsMax), max],
          },
          y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
        },
        axes: [
          {
            ...axis,
            size: 26,
            space: 90,
            values: (_plot, values) => values.map((value) => clock.format(value * 1000)),
          },
          { ...axis, size: 58, values: (_plot, values) => values.map((value) => short(value)) },
        ],
        series: [
          {},
          ...lineNames.map(({ name, colour: number }, index) => ({
            label: name,
            stroke: colour(`series-${number}`),
            width: 2,
            points: { show: false },
            ...(index === 0 && { fill: `${colour("series-1")}1f` }),
          })),
        ],
      },
      [times, ...lines],
      place,
    );
  }

  /**
   * @param {number} time in ms
   * @param {readonly (number | null)[]} values
   */
  return (time, values) => {
    times.push(time / 1000);
    for (const [index, line] of lines.entries()) line.push(values[index] ?? null);
    if (times.length > pointsMax) for (const list of [times, ...lines]) list.shift();
    for (const [index, label] of lineNames.entries()) label.value.textContent = short(values[index] ?? null);
    plot.setData([times, ...lines]);
  };
}

/** @param {number | null} value */
function short(value) {
  if (value === null) return "–";
  if (value >= 10_000) return `${Math.round(value / 100) / 10}k`;
  return String(value >= 100 ? Math.round(value) : Math.round(value * 100) / 100);
}
