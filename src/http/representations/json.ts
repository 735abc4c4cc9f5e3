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
