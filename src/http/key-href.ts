/**
 * The reference of a key on this server, such as `/kv/a/b%20c`. Keys that browsers and proxies would fold (`..`, `.`
 * or nothing between two slashes) get the form `/kv?key=`.
 */
export function keyHref(key: string): string {
  const isFolded = /(?:^|\/)(?:\/|\.{1,2}(?:\/|$))/.test(key);
  return isFolded ? `/kv?key=${encodeURIComponent(key)}` : `/kv/${encodeURIComponent(key).replaceAll("%2F", "/")}`;
}
