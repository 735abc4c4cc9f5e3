import type { Socket } from "node:net";
import { type ErrorCode, StoreError } from "../errors.ts";
import { renderProblem } from "./representations/problem.ts";

const closeDelayMs = 1000;

/** Answers what Node's parser refuses, with a problem document and the end of the connection. */
export function answerClientError(error: NodeJS.ErrnoException & { reason?: string }, socket: Socket): void {
  // What failed before there was a secure connection can be told nothing.
  const isHttp = /^(?:HPE|ERR_HTTP)_/.test(error.code ?? "");
  // Behind the head of another answer, or towards a client that is gone, nothing can be said any more.
  const { _httpMessage: current } = socket as Socket & { _httpMessage?: { headersSent: boolean } };
  if (!isHttp || !socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  socket.end(answerText(asProblem(error)));
  // What the client still sends is not for us, and closing at once could reset the answer away.
  socket.resume();
  setTimeout(() => socket.destroy(), closeDelayMs).unref();
}

const problems: { readonly [code: string]: [ErrorCode, string] } = {
  HPE_HEADER_OVERFLOW: ["headers_too_large", "the request target and the header fields are larger than 16 KiB"],
  HPE_INVALID_URL: ["invalid_target", "the request target has bytes that must be percent-encoded"],
  HPE_INVALID_EOF_STATE: ["invalid_body", "the connection ended before the request was complete"],
  HPE_INVALID_METHOD: ["invalid_header", "this is no HTTP/1.1 request, or its method is not known"],
  ERR_HTTP_REQUEST_TIMEOUT: ["request_timeout", "the request did not arrive in time"],
};

function asProblem(error: NodeJS.ErrnoException & { reason?: string }): StoreError {
  const [code, message] = problems[error.code ?? ""] ?? [
    "invalid_header",
    `not HTTP/1.1: ${error.reason ?? error.message}`,
  ];
  return new StoreError(code, message);
}

function answerText(problem: StoreError): string {
  const { body, headers } = renderProblem("json", problem);
  const fields = { ...headers, "Content-Length": Buffer.byteLength(body), Connection: "close" };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${problem.status} \r\n${lines.join("")}\r\n${String(body)}`;
}
