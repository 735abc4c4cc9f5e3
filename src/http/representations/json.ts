/**
 * A JSON object from members whose values are JSON already, so that a stored JSON value goes out as it came in.
 * Members that are `undefined` are left out.
 */
export function jsonObject(members: { readonly [name: string]: string | undefined }): string {
  const texts: string[] = [];
  for (const [name, json] of Object.entries(members)) {
    if (json !== undefined) texts.push(`${JSON.stringify(name)}:${json}`);
  }
  return `{${texts.join(",")}}`;
}
