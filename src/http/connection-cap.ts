import type { Server, Socket } from "node:net";
import { groupOf } from "./address-group.ts";

const lookMs = 1000;

/**
 * Closes connections beyond `connectionsMax` from one address as soon as they open, so that one cannot take them all.
 *
 * Which are closed by now is looked at when it matters, and by a timer: see {@link SlowReaders.add} for why they are not
 * listened to.
 */
export function capPerAddress(server: Server, connectionsMax: number): void {
  const byAddress = new Map<string, Set<Socket>>();
  server.on("connection", (socket: Socket) => {
    const address = groupOf(socket.remoteAddress ?? "");
    const sockets = byAddress.get(address) ?? new Set();
    byAddress.set(address, sockets.add(socket));
    if (sockets.size > connectionsMax) forgetClosed(sockets);
    if (sockets.size > connectionsMax) {
      sockets.delete(socket);
      socket.destroy();
    }
  });
  const timer = setInterval(() => {
    for (const [address, sockets] of byAddress) {
      forgetClosed(sockets);
      if (sockets.size === 0) byAddress.delete(address);
    }
  }, lookMs).unref();
  server.once("close", () => clearInterval(timer));
}

function forgetClosed(sockets: Set<Socket>): void {
  for (const socket of sockets) if (socket.destroyed) sockets.delete(socket);
}
