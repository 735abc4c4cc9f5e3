import { createServer } from "node:http";

/** The floor: `node:http` answering GET and PUT from a Map. Prints its port. */
const values = new Map<string, Buffer>();
const server = createServer((request, response) => {
  const key = request.url!;
  if (request.method === "GET" || request.method === "HEAD") {
    const value = values.get(key);
    if (value === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": "text/plain", ETag: '"1"', "Content-Length": value.length });
    return response.end(value);
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    values.set(key, Buffer.concat(chunks));
    response.writeHead(204, { ETag: '"1"' }).end();
  });
  return undefined;
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}\n`);
});
