import type { Server, Socket } from "node:net";
import { groupOf } from "./address-group.ts";

/** Closes connections beyond `connectionsMax` from one address as soon as they open, so that one cannot take them all. */
export function capPerAddress(server: Server, connectionsMax: number): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = groupOf(socket.remoteAddress ?? "");
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    socket.once("close", () => {
      const left = counts.get(address)! - 1;
      if (left === 0) counts.delete(address);
      else counts.set(address, left);
    });
    if (count > connectionsMax) socket.destroy();
  });
}
