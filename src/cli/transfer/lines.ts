import { CommandFailure } from "../failure.ts";

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the line feed. */
  readonly bytes: Buffer;
  /** Where the next line begins, in bytes from the beginning of the file. */
  readonly end: number;
}

/** No record is longer: the largest value that can be configured, each byte written as base64, fits. */
const lineBytesMax = 1024 ** 3;

/** The lines of `source`, which begins at the byte `offset`, behind line `number`, of what is counted. */
export async function* readLines(source: AsyncIterable<Buffer>, offset: number, number: number): AsyncGenerator<Line> {
  let pieces: Buffer[] = [];
  let pending = 0;
  let end = offset;
  let count = number;
  for await (const chunk of source) {
    let start = 0;
    for (let feed = chunk.indexOf(10); feed >= 0; feed = chunk.indexOf(10, start)) {
      const bytes = Buffer.concat([...pieces, chunk.subarray(start, feed)]);
      end += bytes.length + 1;
      count += 1;
      pieces = [];
      pending = 0;
      start = feed + 1;
      yield { number: count, bytes, end };
    }
    if (start === chunk.length) continue;
    pieces.push(chunk.subarray(start));
    pending += chunk.length - start;
    if (pending > lineBytesMax) throw new CommandFailure(`line ${count + 1} is longer than any record; is it NDJSON?`);
  }
  if (pending > 0) yield { number: count + 1, bytes: Buffer.concat(pieces), end: end + pending };
}
