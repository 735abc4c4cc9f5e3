import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Below what systems give to outgoing connections, one of which could take the port of a server that is killed. */
const [portMin, portMax] = [10_240, 32_767];

/** A port of this machine that nobody listened at a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    const listening = once(server, "listening");
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    server.listen(port, "127.0.0.1");
    try {
      await listening;
    } catch {
      // Somebody is there already.
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Whether somebody takes connections there. */
export async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
