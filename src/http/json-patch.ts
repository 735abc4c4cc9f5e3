import { StoreError } from "../errors.ts";
import { isEqual, isJsonObject, type Json, type JsonObject, memberOf, parseJson } from "./exact-json.ts";
import { insertAt, parsePointer, removeAt, replaceAt, valueAt } from "./json-pointer.ts";

/** Each operation may move all items of a long array, so that their number needs a limit. */
const operationsMax = 1000;
/** A few dozen operations that copy the document into itself would fill the memory. */
const copiedCharactersMax = 64 * 1024 * 1024;

type Path = readonly string[];

type Operation = { readonly label: string; readonly path: Path } & (
  | { readonly op: "add" | "replace" | "test"; readonly value: Json }
  | { readonly op: "move" | "copy"; readonly from: Path }
  | { readonly op: "remove" }
);

/**
 * `document` after a JSON Patch (RFC 6902). It may change `document`, also when it throws.
 *
 * This is ours because the `fast-json-patch` package sees what JavaScript objects inherit as members of the
 * document (`copy` from `/toString` works), takes the empty name and `01` for array indexes, and rounds numbers.
 *
 * @throws StoreError `invalid_body` for what is no list of operations, `patch_failed` for one that does not apply.
 */
export function jsonPatch(document: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw invalid("a JSON Patch is an array of operations; this is something else");
  if (patch.length > operationsMax)
    throw invalid(`the patch has more than ${operationsMax} operations; send it in parts`);
  const operations = patch.map(parseOperation);
  const copies = { charactersLeft: copiedCharactersMax };
  return operations.reduce((patched, operation) => applyOperation(patched, operation, copies), document);
}

function applyOperation(document: Json, operation: Operation, copies: { charactersLeft: number }): Json {
  switch (operation.op) {
    case "add":
      return add(document, operation, operation.value);
    case "replace":
      return replace(document, operation, operation.value);
    case "remove":
      return remove(document, operation, operation.path);
    case "copy": {
      const text = JSON.stringify(existing(document, operation, operation.from));
      copies.charactersLeft -= text.length;
      if (copies.charactersLeft < 0) throw failed(operation, "the patch copies too much");
      return add(document, operation, parseJson(text));
    }
    case "move":
      return move(document, operation, operation.from);
    case "test":
      if (isEqual(existing(document, operation, operation.path), operation.value)) return document;
      throw failed(operation, "the value there is another one");
  }
}

function add(document: Json, operation: Operation, value: Json): Json {
  const name = operation.path.at(-1);
  if (name === undefined) return value;
  if (insertAt(valueAt(document, operation.path.slice(0, -1)), name, value)) return document;
  throw failed(operation, "there is no object or array with room for it at that path");
}

function replace(document: Json, operation: Operation, value: Json): Json {
  existing(document, operation, operation.path);
  const name = operation.path.at(-1);
  if (name === undefined) return value;
  replaceAt(valueAt(document, operation.path.slice(0, -1)), name, value);
  return document;
}

function remove(document: Json, operation: Operation, path: Path): Json {
  existing(document, operation, path);
  const name = path.at(-1);
  if (name === undefined) throw failed(operation, "the whole document cannot be taken away; DELETE the key instead");
  removeAt(valueAt(document, path.slice(0, -1)), name);
  return document;
}

function move(document: Json, operation: Operation, from: Path): Json {
  const value = existing(document, operation, from);
  const isInto = from.every((name, index) => operation.path[index] === name);
  if (isInto && from.length === operation.path.length) return document;
  if (isInto) throw failed(operation, "a value cannot be moved into itself");
  return add(remove(document, operation, from), operation, value);
}

function existing(document: Json, operation: Operation, path: Path): Json {
  const value = valueAt(document, path);
  if (value === undefined) throw failed(operation, "nothing is there");
  return value;
}

function parseOperation(operation: Json, index: number): Operation {
  if (!isJsonObject(operation)) throw invalid(`operation ${index} of the patch is not an object`);
  const op = memberOf(operation, "op");
  const path = pointerMember(operation, "path", index);
  const label = `operation ${index} (${typeof op === "string" ? op : "?"} /${shortened(path.join("/"))})`;
  switch (op) {
    case "add":
    case "replace":
    case "test": {
      const value = memberOf(operation, "value");
      if (value === undefined) throw invalid(`${label} of the patch has no value`);
      return { op, label, path, value };
    }
    case "move":
    case "copy":
      return { op, label, path, from: pointerMember(operation, "from", index) };
    case "remove":
      return { op, label, path };
    default:
      throw invalid(`operation ${index} of the patch has no op of add, remove, replace, move, copy and test`);
  }
}

function pointerMember(operation: JsonObject, name: "path" | "from", index: number): Path {
  const text = memberOf(operation, name);
  const path = typeof text === "string" ? parsePointer(text) : undefined;
  if (path === undefined)
    throw invalid(`operation ${index} of the patch has no ${name} that is a JSON Pointer such as /a/0`);
  return path;
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function invalid(message: string): StoreError {
  return new StoreError("invalid_body", message);
}

function failed(operation: Operation, why: string): StoreError {
  return new StoreError("patch_failed", `${operation.label} does not apply: ${why}; nothing was changed`);
}
