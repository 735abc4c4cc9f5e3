/**
 * JSON whose numbers keep the digits they are written with. `JSON.parse` alone would turn 9007199254740993 into
 * ...992 and 1.0 into 1, also in the parts of a document that nobody means to change.
 */
export type Json = null | boolean | number | string | ExactNumber | Json[] | JsonObject;

export type JsonObject = { [name: string]: Json };

/** A number that `JSON.stringify` would spell in another way than its source did. */
interface ExactNumber {
  readonly rawJSON: string;
}

// TypeScript's libraries do not know source text access and raw JSON yet.
const json = JSON as unknown as {
  parse(text: string, reviver: (name: string, value: Json, context: { source?: string }) => Json): Json;
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): value is ExactNumber;
};

/** Of members with the same name the last one counts. Throws SyntaxError, or RangeError for nesting too deep. */
export function parseJson(text: string): Json {
  return json.parse(text, (_name, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? json.rawJSON(source) : value,
  );
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !json.isRawJSON(value);
}

/** A member of the object itself: never what JavaScript objects inherit, such as `constructor`. */
export function memberOf(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** An assignment would change the object's prototype when the name is `__proto__`. */
export function setMember(object: JsonObject, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Equality as RFC 6902 has it: numbers by their exact value, objects whatever the order of their members. */
export function isEqual(a: Json, b: Json): boolean {
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isEqual(item, b[index]!));
  }
  if (isJsonObject(a)) {
    if (!isJsonObject(b) || Object.keys(a).length !== Object.keys(b).length) return false;
    return Object.keys(a).every((name) => Object.hasOwn(b, name) && isEqual(a[name]!, b[name]!));
  }
  if (isNumber(a) && isNumber(b)) return decimal(a) === decimal(b);
  return a === b;
}

function isNumber(value: Json): value is number | ExactNumber {
  return typeof value === "number" || json.isRawJSON(value);
}

/** One spelling for equal numbers: significant digits and exponent. */
function decimal(number: number | ExactNumber): string {
  const text = typeof number === "number" ? String(number) : number.rawJSON;
  const [, sign, whole = "", fraction = "", exponent = "0"] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:e(.+))?$/i.exec(text)!;
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.slice(0, digits.length - trailingZeros(digits));
  if (significant === "") return "0";
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

function trailingZeros(digits: string): number {
  let count = 0;
  while (count < digits.length && digits[digits.length - 1 - count] === "0") count++;
  return count;
}
