import assert from "node:assert/strict";

type Schema = { readonly [keyword: string]: unknown };

/** Keywords that say nothing of what is valid. */
const remarks = ["description", "title", "default"];

/**
 * What is wrong with `value`, one sentence each; none when it satisfies the schema. It knows the keywords of JSON
 * Schema that our OpenAPI description uses, and fails on any other rather than pass it over.
 */
export function schemaErrors(value: unknown, schema: Schema, root: unknown, place = "$"): string[] {
  return Object.entries(schema).flatMap(([keyword, operand]) => {
    if (remarks.includes(keyword)) return [];
    // Belongs to `properties`.
    if (keyword === "additionalProperties") return unknownMembers(value, schema, root, place);
    const check = checks[keyword];
    assert.ok(check, `this checker does not know the keyword ${keyword}`);
    return check({ value, operand, root, place });
  });
}

interface Check {
  readonly value: unknown;
  readonly operand: unknown;
  readonly root: unknown;
  readonly place: string;
}

const checks: { readonly [keyword: string]: (check: Check) => string[] } = {
  $ref: ({ value, operand, root, place }) => schemaErrors(value, resolve(root, String(operand)), root, place),
  type: ({ value, operand, place }) => {
    const types = Array.isArray(operand) ? operand : [operand];
    return types.some((type) => isOfType(value, String(type))) ? [] : [`${place} is not ${types.join(" or ")}`];
  },
  const: ({ value, operand, place }) => (value === operand ? [] : [`${place} is not ${JSON.stringify(operand)}`]),
  enum: ({ value, operand, place }) =>
    (operand as unknown[]).includes(value) ? [] : [`${place} is ${JSON.stringify(value)}, none of the enumeration`],
  required: ({ value, operand, place }) =>
    (operand as string[])
      .filter((name) => isObject(value) && !Object.hasOwn(value, name))
      .map((name) => `${place}.${name} is missing`),
  properties: ({ value, operand, root, place }) =>
    Object.entries(operand as { [name: string]: Schema }).flatMap(([name, schema]) =>
      isObject(value) && Object.hasOwn(value, name) ? schemaErrors(value[name], schema, root, `${place}.${name}`) : [],
    ),
  items: ({ value, operand, root, place }) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => schemaErrors(item, operand as Schema, root, `${place}[${index}]`))
      : [],
  anyOf: (check) => alternatives(check, (valid) => valid >= 1),
  oneOf: (check) => alternatives(check, (valid) => valid === 1),
  minimum: ({ value, operand, place }) =>
    typeof value === "number" && value < Number(operand) ? [`${place} is below ${operand}`] : [],
  maximum: ({ value, operand, place }) =>
    typeof value === "number" && value > Number(operand) ? [`${place} is above ${operand}`] : [],
  minLength: ({ value, operand, place }) =>
    typeof value === "string" && value.length < Number(operand) ? [`${place} is too short`] : [],
  maxItems: ({ value, operand, place }) =>
    Array.isArray(value) && value.length > Number(operand) ? [`${place} has too many items`] : [],
  pattern: ({ value, operand, place }) =>
    typeof value === "string" && !new RegExp(String(operand), "u").test(value)
      ? [`${place} does not match ${operand}`]
      : [],
  format: ({ value, operand, place }) => {
    assert.equal(operand, "date-time");
    const isTime = typeof value !== "string" || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value);
    return isTime ? [] : [`${place} is no date-time`];
  },
};

function alternatives({ value, operand, root, place }: Check, isEnough: (valid: number) => boolean): string[] {
  const all = (operand as Schema[]).map((schema) => schemaErrors(value, schema, root, place));
  if (isEnough(all.filter((errors) => errors.length === 0).length)) return [];
  return [`${place} fits not the right number of alternatives: ${all.map((errors) => errors.join(", ")).join(" | ")}`];
}

function unknownMembers(
  value: unknown,
  { properties = {}, additionalProperties }: Schema,
  root: unknown,
  place: string,
) {
  if (!isObject(value)) return [];
  const others = Object.entries(value).filter(([name]) => !Object.hasOwn(properties as object, name));
  if (additionalProperties === false) return others.map(([name]) => `${place}.${name} is not known`);
  return others.flatMap(([name, member]) =>
    schemaErrors(member, additionalProperties as Schema, root, `${place}.${name}`),
  );
}

/** The part of `root` that a reference such as `#/components/schemas/List` means. */
export function resolve(root: unknown, reference: string): Schema {
  let found = root;
  for (const name of reference.split("/").slice(1)) found = (found as { [name: string]: unknown })[name];
  assert.ok(found, `${reference} leads nowhere`);
  return found as Schema;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
