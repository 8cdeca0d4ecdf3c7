import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createServer as createTlsServer, type SecureContextOptions, TLSSocket, connect as tlsConnect } from "node:tls";
import { type SocketValue, SockHash, SockMap } from "skmsg";
import { Counter } from "../support/counter.ts";
import { skipWithoutRoot as skip, skipBelow } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { rawFd } from "../support/rawFd.ts";
import { cookieOf } from "../support/rawSockets.ts";
import { receive, tcpPair } from "../support/sockets.ts";

/** Puts a value into a map of each kind, and gives the cookie that comes out. */
function cookieThrough(value: SocketValue): bigint {
  using map = SockMap.create({ maxEntries: 1 });
  using hash = SockHash.create<number>({ maxEntries: 1 });
  map.insert(0, value);
  hash.insert(9, value);
  const cookie = map.get(0);
  assert.equal(hash.get(9), cookie);
  return cookie ?? assert.fail("no cookie");
}

/** A TLS connection without certificates: both sides know a key (RFC 4279). */
async function tlsPair(): Promise<{ client: TLSSocket; peer: TLSSocket; end: () => void }> {
  const psk = Buffer.from("0123456789abcdef");
  const options: SecureContextOptions = {
    ciphers: "PSK-AES128-GCM-SHA256",
    maxVersion: "TLSv1.2",
    minVersion: "TLSv1.2",
  };
  const server = createTlsServer({ ...options, pskCallback: () => psk }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has no path
  const accepted = once(server, "secureConnection");
  const client = tlsConnect({
    ...options,
    port,
    host: "127.0.0.1",
    pskCallback: () => ({ psk, identity: "test" }),
    checkServerIdentity: () => undefined,
  });
  await once(client, "secureConnect");
  const [peer] = (await accepted) as [TLSSocket]; // what "secureConnection" carries
  for (const socket of [client, peer]) socket.on("error", () => {});
  server.close();
  return {
    client,
    peer,
    end() {
      client.destroy();
      peer.destroy();
    },
  };
}

describe("what goes into a map of sockets", { skip }, () => {
  it("net.Socket, the same as { fd } and as a number", async () => {
    await using pair = await tcpPair();
    const fd = rawFd(pair.client);
    const cookie = cookieOf(fd);
    assert.deepEqual([cookieThrough(pair.client), cookieThrough({ fd }), cookieThrough(fd)], [cookie, cookie, cookie]);
    assert.notEqual(cookieThrough(pair.peer), cookie);
    // The fd stays the socket's.
    const arrived = receive(pair.peer, 5);
    pair.client.write("still");
    assert.equal((await arrived).toString(), "still");
  });

  it("a TLSSocket: the program sees its records on the TCP socket below", async () => {
    const { client, peer, end } = await tlsPair();
    try {
      using counter = new Counter();
      counter.a.attach(counter.hash);
      counter.hash.insert(1, client);
      assert.equal(counter.hash.get(1), cookieOf(rawFd(client)));
      const before = counter.seen().a;
      const arrived = receive(peer, 6);
      client.write("secret");
      assert.equal((await arrived).toString(), "secret");
      assert.equal(counter.seen().a, before + 1);
    } finally {
      end();
    }
  });

  it("a TLSSocket over a net.Socket is that one", async () => {
    await using pair = await tcpPair();
    const wrapped = new TLSSocket(pair.client);
    assert.equal(cookieThrough(wrapped), cookieThrough(rawFd(pair.client)));
    wrapped.destroy();
  });

  it("net.Server, listening", async () => {
    const server = createServer();
    throwsCode(() => cookieThrough(server), "ERR_SOCKET_NOT_CONNECTED", /is not bound: wait for its "listening" event/);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    assert.ok(cookieThrough(server) > 0n);
    server.close();
    await once(server, "close");
    throwsCode(() => cookieThrough(server), "ERR_SOCKET_NOT_CONNECTED");
  });

  for (const [type, address] of [
    ["udp4", "127.0.0.1"],
    ["udp6", "::1"],
  ] as const)
    it(`dgram.Socket, bound, ${type}`, async (t) => {
      const socket = createSocket(type);
      try {
        throwsCode(() => cookieThrough(socket), "ERR_SOCKET_NOT_CONNECTED", /wait for its "listening" event/);
        socket.bind(0, address);
        const failure: unknown = await Promise.race([once(socket, "listening"), once(socket, "error")]).then(
          () => undefined,
          (error) => error,
        );
        if (failure !== undefined) return t.skip(`no ${address}: ${failure}`);
        assert.ok(cookieThrough(socket) > 0n);
      } finally {
        socket.close();
      }
    });

  it("a unix stream socket", { skip: skipBelow("5.15") }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "skmsg-unix-"));
    const server = createServer((socket) => socket.resume()).listen(join(folder, "socket"));
    await once(server, "listening");
    const client = connect(join(folder, "socket"));
    try {
      await once(client, "connect");
      assert.equal(cookieThrough(client), cookieOf(rawFd(client)));
    } finally {
      client.destroy();
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});

it("a socket whose other end has closed is refused: the kernel takes established ones", { skip }, async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has no path
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [peer] = (await once(server, "connection")) as [Socket]; // what "connection" carries
  peer.end();
  await once(client.resume(), "end");
  assert.equal(throwsCode(() => cookieThrough(client), "ERR_SOCKET_NOT_CONNECTED").errnoName, "EOPNOTSUPP");
  client.destroy();
  peer.destroy();
  server.close();
});
