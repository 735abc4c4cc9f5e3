import type { Page } from "playwright-core";

/** What WCAG 2 asks for text of any size. */
const contrastMin = 4.5;

export interface LowContrast {
  readonly text: string;
  readonly colour: string;
  readonly ground: string;
  readonly ratio: number;
}

/** The contrast of two colours as WCAG 2 defines it. Runs in the page. */
const helpers = `
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (upper, lower) => upper[3] === 1 ? upper
    : [0, 1, 2].map((index) => upper[index] * upper[3] + lower[index] * (1 - upper[3])).concat(1);
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
`;

/** The texts on a page, as computed, whose colour is too near to what lies behind them. */
export async function lowContrasts(page: Page): Promise<LowContrast[]> {
  return (await page.evaluate(`(() => {
    ${helpers}
    const groundOf = (element) => {
      if (element === null) return [255, 255, 255, 1];
      const own = channels(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, groundOf(element.parentElement));
    };
    const found = [];
    let count = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      if (node.data.trim() === "" || !element.checkVisibility({ visibilityProperty: true })) continue;
      count++;
      const ground = groundOf(element);
      const { color } = getComputedStyle(element);
      const ratio = contrast(over(channels(color), ground), ground);
      if (ratio < ${contrastMin}) {
        found.push({ text: node.data.trim().slice(0, 40), colour: color, ground: ground.join(" "), ratio });
      }
    }
    if (count < 5) throw new Error("there is hardly any text");
    return found;
  })()`)) as LowContrast[];
}

/** The contrast of pairs of colour variables. */
export async function variableContrasts(
  page: Page,
  pairs: readonly (readonly [string, string])[],
): Promise<{ readonly pair: string; readonly ratio: number }[]> {
  return (await page.evaluate(`(() => {
    ${helpers}
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => channels(style.getPropertyValue(name));
    return ${JSON.stringify(pairs)}.map(([a, b]) => ({ pair: a + " on " + b, ratio: contrast(colour(a), colour(b)) }));
  })()`)) as { pair: string; ratio: number }[];
}
