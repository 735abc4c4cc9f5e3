const day = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const month = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const time = "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]";

const imfDate = new RegExp(`^${day}, [0-3][0-9] ${month} [0-9]{4} ${time} GMT$`);
const rfc850Date = new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [0-3][0-9]-${month}-[0-9]{2} ${time} GMT$`);
const asctimeDate = new RegExp(`^${day} ${month} [ 0-3][0-9] ${time} [0-9]{4}$`);

/**
 * Milliseconds since 1970 of a date in one of the three forms of RFC 9110, `undefined` for any other text.
 * `Date.parse` alone would take nearly anything.
 */
export function parseHttpDate(text: string): number | undefined {
  const isDate = imfDate.test(text) || rfc850Date.test(text);
  if (!isDate && !asctimeDate.test(text)) return undefined;
  const ms = Date.parse(isDate ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
