import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { test } from "node:test";
import { TLSSocket } from "node:tls";
import { BPF_EXIST, BPF_NOEXIST, Ebpf, MapError, SkMsg, type SocketValue, SockHash, SockMap, u32 } from "skmsg";
import { skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";
import { tcpPair } from "../support/sockets.ts";

const skip = skipWithoutRoot;
const untyped = (value: unknown): SocketValue => value as SocketValue; // what JavaScript passes all the same

/** Both kinds of map, each with one socket under key 1 that must be there afterwards under the same cookie. */
async function withMaps(use: (map: SockMap | SockHash<number>) => void | Promise<void>): Promise<void> {
  await using pair = await tcpPair();
  await leavesNothing(async () => {
    using map = SockMap.create({ maxEntries: 4 });
    using hash = SockHash.create<number>({ key: u32, maxEntries: 4 });
    for (const one of [map, hash]) {
      one.insert(1, pair.client, 0);
      const before = [...one];
      assert.equal(before.length, 1);
      await use(one);
      assert.deepEqual([...one], before);
    }
  });
}

const NOT_SOCKETS: readonly (readonly [unknown, string, RegExp])[] = [
  [undefined, "ERR_INVALID_TYPE", /^A socket is wanted .*and got undefined/],
  [null, "ERR_INVALID_TYPE", /A socket is wanted .*and got null/],
  ["5", "ERR_INVALID_TYPE", /and got "5"/],
  [5n, "ERR_INVALID_TYPE", /and got 5n/],
  [() => 5, "ERR_INVALID_TYPE", /and got a function/],
  [-1, "ERR_INVALID_TYPE", /^-1 is no file descriptor/],
  [1.5, "ERR_INVALID_TYPE", /^1\.5 is no file descriptor/],
  [Number.NaN, "ERR_INVALID_TYPE", /^NaN is no file descriptor/],
  [2 ** 31, "ERR_INVALID_TYPE", /^2147483648 is no file descriptor/],
  [{ fd: 1.5 }, "ERR_INVALID_TYPE", /^1\.5 is no file descriptor/],
  [{}, "ERR_NOT_A_SOCKET", /an object \(Object\) has no file descriptor/],
  [{ fd: "5" }, "ERR_NOT_A_SOCKET", /has no file descriptor/],
  [{ fd: -1 }, "ERR_NOT_A_SOCKET", /has no file descriptor/],
  [new Date(), "ERR_NOT_A_SOCKET", /an object \(Date\) has no file descriptor/],
  [2 ** 31 - 1, "ERR_SOCKET_CLOSED", /EBADF.*is not open/],
];

test("what is no socket", { skip }, () =>
  withMaps((map) => {
    for (const [value, code, message] of NOT_SOCKETS)
      for (const key of [1, 2]) {
        const error = throwsCode(() => map.insert(key, untyped(value), 0), code, message);
        assert.ok(error instanceof MapError);
      }
    const file = openSync("/dev/null", "r");
    throwsCode(() => map.set(2, file), "ERR_NOT_A_SOCKET", /ENOTSOCK.*open, and not a socket/);
    throwsCode(() => map.set(2, { fd: map.fd }), "ERR_NOT_A_SOCKET", /ENOTSOCK/);
    closeSync(file);
    throwsCode(() => map.set(2, file), "ERR_SOCKET_CLOSED", /EBADF/);
  }),
);

test("a socket that is closed", { skip }, () =>
  withMaps(async (map) => {
    const pair = await tcpPair();
    const fd: unknown = Reflect.get(Reflect.get(pair.client, "_handle"), "fd");
    assert.ok(typeof fd === "number");
    map.set(2, pair.client);
    assert.equal([...map].length, 2);
    await pair[Symbol.asyncDispose]();
    // The map let it go with the socket.
    assert.equal([...map].length, 1);
    throwsCode(() => map.set(2, pair.client), "ERR_SOCKET_CLOSED", /^This socket is closed/);
    throwsCode(() => map.set(2, fd), "ERR_SOCKET_CLOSED", /EBADF/);
  }),
);

test("a socket that is not connected yet", { skip }, () =>
  withMaps(async (map) => {
    const fresh = new Socket();
    throwsCode(() => map.set(2, fresh), "ERR_SOCKET_NOT_CONNECTED", /wait for its "connect" event/);
    fresh.destroy();
    throwsCode(() => map.set(2, fresh), "ERR_SOCKET_CLOSED");
    const server = createServer();
    throwsCode(() => map.set(2, server), "ERR_SOCKET_NOT_CONNECTED", /wait for its "listening" event/);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const connecting = connect(address.port, "127.0.0.1");
    throwsCode(() => map.set(2, connecting), "ERR_SOCKET_NOT_CONNECTED", /not connected yet/);
    await once(connecting, "connect");
    map.set(2, connecting);
    map.delete(2);
    const udp = createSocket("udp4");
    throwsCode(() => map.set(2, udp), "ERR_SOCKET_NOT_CONNECTED", /wait for its "listening" event/);
    udp.close();
    const closed = [once(connecting, "close"), once(server, "close")];
    connecting.destroy();
    server.close();
    await Promise.all(closed);
    throwsCode(() => map.set(2, server), "ERR_SOCKET_NOT_CONNECTED");
  }),
);

test("a TLS socket over nothing", { skip }, () =>
  withMaps(async (map) => {
    const raw = new Socket();
    const tls = new TLSSocket(raw);
    throwsCode(() => map.set(2, tls), "ERR_SOCKET_NOT_CONNECTED");
    tls.destroy();
    raw.destroy();
    throwsCode(() => map.set(2, tls), "ERR_SOCKET_CLOSED");
  }),
);

test("the flags and the slot do not agree", { skip }, async () => {
  await using other = await tcpPair();
  await withMaps((map) => {
    const error = throwsCode(() => map.insert(1, other.client, BPF_NOEXIST), "ERR_KEY_EXISTS", /BPF_NOEXIST/);
    assert.equal(error.errnoName, "EEXIST");
    throwsCode(() => map.insert(2, other.client, BPF_EXIST), "ERR_NO_SUCH_KEY", /ENOENT.*BPF_EXIST/);
    throwsCode(() => map.insert(2, other.client, 64), "ERR_NOT_SUPPORTED", /EINVAL.*does not take these flags/);
    assert.equal(map.delete(2), false);
  });
});

test("past the end of a SockMap, and into a SockHash that is full", { skip }, async () => {
  await using a = await tcpPair();
  await using b = await tcpPair();
  await leavesNothing(() => {
    using map = SockMap.create({ maxEntries: 1 });
    throwsCode(() => map.set(1, a.client), "ERR_INDEX_OUT_OF_BOUNDS", /E2BIG.*0 to 0/);
    for (const bad of [-1, 1.5, 2 ** 32]) throwsCode(() => map.set(bad, a.client), "ERR_OUT_OF_RANGE");
    using hash = SockHash.create<number>({ key: u32, maxEntries: 1 });
    hash.set(1, a.client);
    throwsCode(() => hash.set(2, b.client), "ERR_MAP_FULL", /E2BIG.*full/);
    assert.deepEqual([...hash.keys()], [1]);
    hash.clear();
  });
});

test("a socket that carries a program already", { skip }, async () => {
  await using pair = await tcpPair();
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("pass"));
    const program = bpf.program("pass", SkMsg);
    const hash = bpf.map("HASH", SockHash<number>);
    const map = bpf.map("MAP", SockMap);
    program.load();
    program.attach(hash);
    program.attach(map);
    hash.set(1, pair.client);
    for (const again of [() => hash.set(1, pair.client), () => hash.set(2, pair.client), () => map.set(1, pair.client)])
      throwsCode(again, "ERR_SOCKET_BUSY", /EBUSY.*carries a program of this kind already.*delete it there first/);
    assert.deepEqual([...hash.keys(), ...map.keys()], [1]);
    hash.delete(1);
    map.set(1, pair.client);
    map.delete(1);
  });
});

test("a map whose values are too small for cookies", { skip }, async () => {
  await using pair = await tcpPair();
  await leavesNothing(() => {
    using map = SockHash.create<number>({ key: u32, valueSize: 4, maxEntries: 1 });
    map.set(1, pair.client);
    for (const use of [() => map.get(1), () => map.has(1), () => [...map]])
      throwsCode(use, "ERR_NOT_SUPPORTED", /ENOSPC.*declare them as __u64/);
    assert.deepEqual([...map.keys()], [1]);
    assert.equal(map.delete(1), true);
  });
});
