import type { FieldInfo } from "mariadb";
import type { Parameter, Row } from "./database.ts";

/** The connector's answer with `metaAsArray` and `rowsAsArray`: rows and columns, or an OK packet and none. */
export type Answer = readonly [unknown, readonly FieldInfo[]];

/**
 * Between our cells and the connector's.
 *
 * Numbers go as bigint, because the connector sends what does not fit 32 bits as a DOUBLE; plain `Uint8Array`s go
 * as Buffers, because it sends any other object as JSON. Text goes as text, which is UTF-8 on the wire.
 */
export function driverParameter(parameter: Parameter): string | bigint | Buffer {
  switch (typeof parameter) {
    case "number":
      return BigInt(parameter);
    case "object":
      return Buffer.isBuffer(parameter)
        ? parameter
        : Buffer.from(parameter.buffer, parameter.byteOffset, parameter.byteLength);
    default:
      return parameter;
  }
}

/**
 * Integers and doubles stay as they come (a bigint for 64 bits), a sum of integers, which MySQL calls DECIMAL,
 * becomes a bigint, and everything else bytes.
 *
 * The connector gives bytes as views of the chunk that came from the network. A cell of a BLOB column (a value)
 * is copied out of a chunk at least twice its size, so that keeping a small value does not keep a large chunk.
 * Cells of VARBINARY columns stay views: they are meant to be decoded at once.
 */
export function rowsOf([rows, columns]: Answer): readonly Row[] {
  if (!Array.isArray(rows)) return [];
  for (const [index, column] of columns.entries()) {
    const convert = converterOf(column);
    if (convert === undefined) continue;
    for (const row of rows) {
      if (row[index] !== null) row[index] = convert(row[index]);
    }
  }
  return rows as Row[];
}

function converterOf({ type, scale }: FieldInfo): ((cell: unknown) => unknown) | undefined {
  switch (type as string) {
    case "BIGINT":
    case "TINY":
    case "SHORT":
    case "INT":
    case "INT24":
    case "DOUBLE":
      return undefined;
    case "DECIMAL":
    case "NEWDECIMAL":
      return (cell) => (scale === 0 ? BigInt(String(cell)) : Buffer.from(String(cell)));
    case "TINY_BLOB":
    case "BLOB":
    case "MEDIUM_BLOB":
    case "LONG_BLOB":
      return (cell) => ownBytes(bytes(cell));
    default:
      return bytes;
  }
}

function bytes(cell: unknown): Uint8Array {
  return cell instanceof Uint8Array ? cell : Buffer.from(String(cell));
}

function ownBytes(cell: Uint8Array): Uint8Array {
  return cell.byteLength * 2 < cell.buffer.byteLength ? new Uint8Array(cell) : cell;
}
