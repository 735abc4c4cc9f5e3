/**
 * A JSON object from members whose values are JSON already, so that a stored JSON value goes out as it came in.
 * Members that are `undefined` are left out.
 */
export function jsonObject(members: { readonly [name: string]: string | undefined }): string {
  let text = "";
  // Names are ours, and need no escapes. A loop over them makes no list of pairs, of which a list page has hundreds.
  for (const name in members) {
    const json = members[name];
    if (json !== undefined) text += `${text === "" ? "{" : ","}"${name}":${json}`;
  }
  return text === "" ? "{}" : `${text}}`;
}

/** JSON without line breaks as one line, also for programs that take other characters than the line feed for its end. */
export function jsonLine(json: string): string {
  // In JSON they are only found within texts.
  const escaped = json.replaceAll(
    /[\u0085\u2028\u2029]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${escaped}\n`;
}
