const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes for people, with two or three digits that count. */
export function byteText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return unit === 0 ? `${bytes} B` : `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}
