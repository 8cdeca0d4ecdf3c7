import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Both ends of a TCP connection over loopback, and the server between them, already closed to others. */
export interface Pair extends AsyncDisposable {
  readonly client: Socket;
  readonly peer: Socket;
  readonly port: number;
}

/** A connected pair of TCP sockets on 127.0.0.1, with no delay of small writes. */
export async function tcpPair(): Promise<Pair> {
  const server: Server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has no path
  const accepted = once(server, "connection");
  const client = connect(port, "127.0.0.1");
  await once(client, "connect");
  const [peer] = (await accepted) as [Socket]; // what "connection" carries
  server.close();
  client.setNoDelay(true);
  peer.setNoDelay(true);
  for (const socket of [client, peer]) socket.on("error", () => {});
  return {
    client,
    peer,
    port,
    async [Symbol.asyncDispose]() {
      const closed = [client, peer].filter((s) => !s.closed).map((s) => once(s, "close"));
      client.destroy();
      peer.destroy();
      await Promise.all(closed);
    },
  };
}

/** Resolves with exactly `count` bytes that arrive at a socket; rejects after `timeoutMs`, with what came until then. */
export function receive(socket: Socket, count: number, timeoutMs = 5000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(
      () => finish(new Error(`only ${length} of ${count} bytes came: ${Buffer.concat(chunks)}`)),
      timeoutMs,
    );
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= count) finish();
    };
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      socket.off("data", onData);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    socket.on("data", onData);
    if (count === 0) finish();
  });
}

/** Writes and resolves with the error that the write met, undefined for none. */
export function write(socket: Socket, data: string | Uint8Array): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => socket.write(data, (error) => resolve(error ?? undefined)));
}
