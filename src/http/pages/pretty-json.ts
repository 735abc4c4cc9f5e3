const indentsMax = 40;

/**
 * JSON on lines with indents, up to about `lengthMax` characters. Only the space between tokens changes: parsing it
 * and writing it anew would round numbers beyond 2^53 and drop repeated names.
 */
export function prettyJson(text: string, lengthMax: number): string {
  let pretty = "";
  let depth = 0;
  let isAfterOpening = false;
  // Deep nesting must not make a page of spaces.
  const newLine = () => `\n${"  ".repeat(Math.min(depth, indentsMax))}`;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g)) {
    const isClosing = token === "}" || token === "]";
    if (isClosing) depth--;
    if (isClosing !== isAfterOpening) pretty += newLine();
    isAfterOpening = token === "{" || token === "[";
    if (isAfterOpening) depth++;
    pretty += token;
    if (token === ",") pretty += newLine();
    else if (token === ":") pretty += " ";
    if (pretty.length > lengthMax) break;
  }
  return pretty.trimStart();
}
