/** "Elements" of the facts in DESIGN.md. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { describe, it } from "node:test";
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST, MapError, SockHash, SockMap } from "skmsg";
import { Counter, NONE, ONLY_A, ONLY_B } from "../support/counter.ts";
import { skipWithoutRoot as skip } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { waitFor } from "../support/leaks.ts";
import { rawFd } from "../support/rawFd.ts";
import { cookieOf, unconnectedTcp } from "../support/rawSockets.ts";
import { type Pair, tcpPair } from "../support/sockets.ts";

type Sockets = SockHash<number> | SockMap;

const KINDS = {
  SockMap: (valueSize: number): Sockets => SockMap.create({ name: "SOCKETS", maxEntries: 4, valueSize }),
  SockHash: (valueSize: number): Sockets => SockHash.create<number>({ name: "SOCKETS", maxEntries: 4, valueSize }),
} as const;
type Kind = keyof typeof KINDS;

/** An fd that was open, and is not now. */
function closedFd(): number {
  const fd = openSync("/dev/null", "r");
  closeSync(fd);
  return fd;
}

/** Runs an action with an fd of the test's own, closed afterwards. */
function withFd(fd: number, action: (fd: number) => void): void {
  try {
    action(fd);
  } finally {
    closeSync(fd);
  }
}

interface Place {
  readonly map: Sockets;
  readonly pair: Pair;
}

interface Refusal {
  readonly fact: string;
  readonly kinds?: readonly Kind[];
  /** `pair.client` is in the map under key 1. */
  readonly act: (place: Place) => unknown;
  readonly code: string;
  readonly errno: string;
  readonly says: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    fact: "NOEXIST on a key that is taken",
    act: ({ map, pair }) => map.insert(1, pair.peer, BPF_NOEXIST),
    code: "ERR_KEY_EXISTS",
    errno: "EEXIST",
    says: /there already, and BPF_NOEXIST asks for one that is not/,
  },
  {
    fact: "EXIST on a key that is not there",
    act: ({ map, pair }) => map.insert(2, pair.peer, BPF_EXIST),
    code: "ERR_NO_SUCH_KEY",
    errno: "ENOENT",
    says: /not there, and BPF_EXIST asks for one that is/,
  },
  {
    fact: "an index past the end",
    kinds: ["SockMap"],
    act: ({ map, pair }) => map.insert(4, pair.peer),
    code: "ERR_INDEX_OUT_OF_BOUNDS",
    errno: "E2BIG",
    says: /The indexes are 0 to 3\./,
  },
  {
    fact: "one more key than it has room for",
    kinds: ["SockHash"],
    act: ({ map, pair }) => {
      for (const key of [2, 3, 4, 5]) map.insert(key, pair.peer);
    },
    code: "ERR_MAP_FULL",
    errno: "E2BIG",
    says: /The map is full/,
  },
  {
    fact: "an open fd that is no socket",
    act: ({ map }) => withFd(openSync("/dev/null", "r"), (fd) => map.insert(2, fd)),
    code: "ERR_NOT_A_SOCKET",
    errno: "ENOTSOCK",
    says: /open, and not a socket/,
  },
  {
    fact: "an fd that is not open",
    act: ({ map }) => map.insert(2, closedFd()),
    code: "ERR_SOCKET_CLOSED",
    errno: "EBADF",
    says: /The file descriptor is not open/,
  },
  {
    fact: "a TCP socket that is not connected",
    act: ({ map }) => withFd(unconnectedTcp(), (fd) => map.insert(2, { fd })),
    code: "ERR_SOCKET_NOT_CONNECTED",
    errno: "EOPNOTSUPP",
    says: /TCP sockets that are connected or listening.*after its "connect" event/,
  },
  {
    fact: "flags that there are none of",
    act: ({ map, pair }) => map.insert(2, pair.peer, 99),
    code: "ERR_NOT_SUPPORTED",
    errno: "EINVAL",
    says: /does not take these flags/,
  },
];

for (const [kind, create] of Object.entries(KINDS))
  for (const valueSize of [8, 4])
    describe(`${kind} with values of ${valueSize} bytes`, { skip }, () => {
      for (const { fact, kinds, act, code, errno, says } of REFUSALS)
        if (kinds === undefined || kinds.some((one) => one === kind))
          it(`${fact}: ${code}`, async () => {
            using map = create(valueSize);
            await using pair = await tcpPair();
            map.insert(1, pair.client);
            const error = throwsCode(() => act({ map, pair }), code, says);
            assert.ok(error instanceof MapError);
            assert.equal(error.errnoName, errno);
            assert.match(
              error.message,
              /^Cannot write the Sock\w+ map "SOCKETS": the kernel answered E\w+ to BPF_MAP_UPDATE/,
            );
            // The entry from before is there still: deleting says so.
            assert.equal(map.delete(1), true);
          });

      it("flags that fit: ANY on both, NOEXIST on a free key, EXIST on a taken one", async () => {
        using map = create(valueSize);
        await using pair = await tcpPair();
        assert.equal(map.set(0, pair.client, BPF_NOEXIST), map);
        map.insert(0, pair.peer, BPF_EXIST);
        map.insert(0, pair.client, BPF_ANY);
        map.insert(1, pair.client);
        assert.deepEqual([map.delete(0), map.delete(1)], [true, true]);
      });

      it("deleting what is not there is false", async () => {
        using map = create(valueSize);
        await using pair = await tcpPair();
        map.insert(3, pair.client);
        assert.deepEqual([map.delete(0), map.delete(3), map.delete(3), map.delete(77)], [false, true, false, false]);
      });

      it("closing a socket removes its entry", async () => {
        using map = create(valueSize);
        await using pair = await tcpPair();
        await using other = await tcpPair();
        map.insert(2, pair.client);
        map.insert(3, other.client);
        assert.equal(isTaken(map, 2, other), true);
        pair.client.destroy();
        await waitFor("the entry goes", () => !isTaken(map, 2, other));
        assert.equal(map.delete(3), true);
      });

      it("clear() takes all sockets out", async () => {
        using map = create(valueSize);
        await using pair = await tcpPair();
        map.insert(0, pair.client);
        map.insert(3, pair.peer);
        map.clear();
        assert.deepEqual([map.delete(0), map.delete(3)], [false, false]);
      });
    });

/** Whether a key is taken, found in a way that works with values of 4 bytes, too. */
function isTaken(map: Sockets, key: number, { peer }: Pair): boolean {
  try {
    map.insert(key, peer, BPF_NOEXIST);
  } catch (error) {
    if (error instanceof MapError && error.code === "ERR_KEY_EXISTS") return true;
    throw error;
  }
  return !map.delete(key);
}

for (const [kind, create] of Object.entries(KINDS)) {
  describe(`what a ${kind} gives out`, { skip }, () => {
    it("with values of 8 bytes: the cookie that SO_COOKIE gives", async () => {
      using map = create(8);
      await using pair = await tcpPair();
      const [client, peer] = [cookieOf(rawFd(pair.client)), cookieOf(rawFd(pair.peer))];
      map.insert(1, pair.client);
      map.insert(3, pair.peer);
      assert.deepEqual([map.get(1), map.get(3), map.get(0), map.get(4)], [client, peer, undefined, undefined]);
      assert.deepEqual([map.has(1), map.has(0)], [true, false]);
      const sorted = (entries: Iterable<[number, bigint]>): unknown => [...entries].sort(([a], [b]) => a - b);
      const expected = [
        [1, client],
        [3, peer],
      ];
      assert.deepEqual(sorted(map), expected);
      assert.deepEqual(sorted(map.entries()), expected);
      assert.deepEqual([...map.keys()].sort(), [1, 3]);
      assert.deepEqual(new Set(map.values()), new Set([client, peer]));
      for (const [key] of map) map.delete(key);
      assert.deepEqual([...map], []);
    });

    it("with values of 4 bytes: the kernel answers ENOSPC, and the error says why", async () => {
      using map = create(4);
      await using pair = await tcpPair();
      map.insert(1, pair.client);
      for (const read of [() => map.get(1), () => map.has(1), () => [...map], () => [...map.values()]]) {
        const error = throwsCode(read, "ERR_NOT_SUPPORTED", /cookie of 8 bytes, and this map's values have 4.*__u64/);
        assert.equal(error.errnoName, "ENOSPC");
      }
      // The kernel's own walk: of a SockMap every index, filled or not.
      assert.deepEqual([...map.keys()], kind === "SockMap" ? [0, 1, 2, 3] : [1]);
    });
  });
}

describe("a socket under the care of programs", { skip }, () => {
  it("carries one sk_msg program: a second map that has one refuses it", async () => {
    using counter = new Counter();
    const { a, b, hash, map } = counter;
    a.attach(hash);
    b.attach(map);
    await using pair = await tcpPair();
    hash.insert(7, pair.client);
    const says = /The socket carries a program of this kind already, by this map or another one: delete it there first/;
    for (const insert of [
      () => map.insert(7, pair.client),
      () => hash.insert(8, pair.client),
      () => hash.insert(7, pair.client),
    ])
      assert.equal(throwsCode(insert, "ERR_SOCKET_BUSY", says).errnoName, "EBUSY");
    assert.deepEqual(await counter.seenOf(pair), ONLY_A);
    hash.delete(7);
    assert.deepEqual(await counter.seenOf(pair), NONE);
    map.insert(7, pair.client);
    assert.deepEqual(await counter.seenOf(pair), ONLY_B);
  });

  it("may be in maps without programs besides", async () => {
    using counter = new Counter();
    using plain = SockMap.create({ maxEntries: 2 });
    await using pair = await tcpPair();
    plain.insert(0, pair.client);
    counter.a.attach(counter.hash);
    counter.hash.insert(1, pair.client);
    plain.insert(1, pair.client);
    assert.equal(plain.get(1), counter.hash.get(1));
    assert.deepEqual(await counter.seenOf(pair), ONLY_A);
    // Leaving one map does not end what another one does.
    plain.clear();
    assert.deepEqual(await counter.seenOf(pair), ONLY_A);
  });
});
