import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BPF_ANY,
  BPF_EXIST,
  BPF_NOEXIST,
  E2BIG,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  EPERM,
  littleEndian,
  MapElements,
  MapFlags,
  MapType,
  Memory,
  mapCreate,
  mapDeleteBatch,
  mapFreeze,
  mapInfo,
  mapLookupBatch,
  mapUpdateBatch,
  type OwnedFd,
  SyscallError,
} from "skmsg/syscalls";
import { skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { raiseMemoryLock } from "../support/memlock.ts";

const hash = (max_entries = 8, more = {}): OwnedFd =>
  mapCreate({ map_type: MapType.Hash, key_size: 4, value_size: 8, max_entries, ...more });

const numbers = (...values: number[]): Memory => {
  const memory = new Memory(values.length * 4);
  values.forEach((value, index) => {
    memory.view.setUint32(index * 4, value, littleEndian);
  });
  return memory;
};

const bigints = (...values: bigint[]): Memory => {
  const memory = new Memory(values.length * 8);
  values.forEach((value, index) => {
    memory.view.setBigUint64(index * 8, value, littleEndian);
  });
  return memory;
};

const read32 = (memory: Memory, count: number): number[] =>
  Array.from({ length: count }, (_, index) => memory.view.getUint32(index * 4, littleEndian));
const read64 = (memory: Memory, count: number): bigint[] =>
  Array.from({ length: count }, (_, index) => memory.view.getBigUint64(index * 8, littleEndian));

/** Runs and gives the SyscallError. */
function refused(action: () => unknown, errno: number): SyscallError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof SyscallError, String(error));
    assert.equal(error.errno, errno, error.message);
    assert.equal(error.code, "ERR_SYSCALL");
    return error;
  }
  return assert.fail("nothing was thrown");
}

raiseMemoryLock();

describe("map commands", { skip: skipWithoutRoot }, () => {
  it("BPF_MAP_CREATE: the fields arrive", () => {
    using map = hash(7, { map_name: "made_here", map_flags: MapFlags.NoPrealloc });
    const info = mapInfo(map.fd);
    assert.equal(info.u32("type"), MapType.Hash);
    assert.equal(info.u32("key_size"), 4);
    assert.equal(info.u32("value_size"), 8);
    assert.equal(info.u32("max_entries"), 7);
    assert.equal(info.u32("map_flags"), MapFlags.NoPrealloc);
    assert.equal(info.text("name"), "made_here");
  });

  it("BPF_MAP_CREATE refused: the command and the errno", () => {
    const error = refused(() => hash(0), EINVAL);
    assert.equal(error.command, "BPF_MAP_CREATE");
    assert.equal(error.errnoName, "EINVAL");
    assert.match(error.message, /BPF_MAP_CREATE failed: EINVAL/);
  });

  it("lookup, update with each flag, delete, next key", () => {
    using map = hash(2);
    const elements = new MapElements(map.fd, 4, 8);
    const put = (key: number, value: bigint, flags: number): number => {
      elements.key.setUint32(0, key, littleEndian);
      elements.value.setBigUint64(0, value, littleEndian);
      return elements.update(flags);
    };
    const get = (key: number): bigint | number => {
      elements.key.setUint32(0, key, littleEndian);
      const result = elements.lookup();
      return result === 0 ? elements.value.getBigUint64(0, littleEndian) : result;
    };
    assert.equal(elements.firstKey(), -ENOENT);
    assert.equal(put(5, 50n, BPF_EXIST), -ENOENT);
    assert.equal(put(5, 50n, BPF_NOEXIST), 0);
    assert.equal(put(5, 51n, BPF_NOEXIST), -EEXIST);
    assert.equal(put(5, 2n ** 64n - 1n, BPF_EXIST), 0);
    assert.equal(get(5), 2n ** 64n - 1n);
    assert.equal(get(6), -ENOENT);
    assert.equal(put(6, 60n, BPF_ANY), 0);
    assert.equal(put(7, 70n, BPF_ANY), -E2BIG);
    assert.equal(put(6, 60n, 1 << 20), -EINVAL);

    assert.equal(elements.firstKey(), 0);
    const first = elements.key.getUint32(0, littleEndian);
    assert.equal(elements.nextKey(), 0);
    const second = elements.key.getUint32(0, littleEndian);
    assert.equal(elements.nextKey(), -ENOENT);
    assert.deepEqual([first, second].sort(), [5, 6]);
    // After a walk the element commands have their key still.
    assert.equal(get(5), 2n ** 64n - 1n);

    elements.key.setUint32(0, 5, littleEndian);
    assert.equal(elements.delete(), 0);
    assert.equal(elements.delete(), -ENOENT);
    assert.equal(get(5), -ENOENT);
  });

  it("the first key is told apart from a key of zeros", () => {
    using map = hash();
    const elements = new MapElements(map.fd, 4, 8);
    for (const key of [0, 1]) {
      elements.key.setUint32(0, key, littleEndian);
      assert.equal(elements.update(BPF_ANY), 0);
    }
    const seen = new Set<number>();
    for (let result = elements.firstKey(); result === 0; result = elements.nextKey())
      seen.add(elements.key.getUint32(0, littleEndian));
    assert.deepEqual([...seen].sort(), [0, 1]);
  });

  it("an fd that is not open, and one that is no map", () => {
    assert.equal(new MapElements(9999, 4, 8).lookup(), -EBADF);
    assert.equal(new MapElements(2, 4, 8).lookup(), -EINVAL);
  });

  it("lookup and delete of a queue, which has no keys, and of a stack", () => {
    for (const [type, order] of [
      [MapType.Queue, [1, 2, 3]],
      [MapType.Stack, [3, 2, 1]],
    ] as const) {
      using map = mapCreate({ map_type: type, value_size: 4, max_entries: 4 });
      const elements = new MapElements(map.fd, 0, 4);
      for (const value of [1, 2, 3]) {
        elements.value.setUint32(0, value, littleEndian);
        assert.equal(elements.update(BPF_ANY), 0);
      }
      const out = order.map(() => {
        assert.equal(elements.lookupAndDelete(), 0);
        return elements.value.getUint32(0, littleEndian);
      });
      assert.deepEqual(out, [...order]);
      assert.equal(elements.lookupAndDelete(), -ENOENT);
    }
  });

  it("lookup and delete of a hash", { skip: skipBelow("5.14") }, () => {
    using map = hash();
    const elements = new MapElements(map.fd, 4, 8);
    elements.key.setUint32(0, 3, littleEndian);
    elements.value.setBigUint64(0, 33n, littleEndian);
    assert.equal(elements.update(BPF_ANY), 0);
    elements.value.setBigUint64(0, 0n);
    assert.equal(elements.lookupAndDelete(), 0);
    assert.equal(elements.value.getBigUint64(0, littleEndian), 33n);
    assert.equal(elements.lookupAndDelete(), -ENOENT);
  });

  it("BPF_MAP_FREEZE: no more writing, reading goes on", () => {
    using map = hash();
    const elements = new MapElements(map.fd, 4, 8);
    assert.equal(elements.update(BPF_ANY), 0);
    mapFreeze(map.fd);
    assert.equal(elements.update(BPF_ANY), -EPERM);
    assert.equal(elements.delete(), -EPERM);
    assert.equal(elements.lookup(), 0);
    // EBUSY on older kernels.
    assert.throws(() => mapFreeze(map.fd), { command: "BPF_MAP_FREEZE", errnoName: /^(EPERM|EBUSY)$/ });
  });

  it("batches: update, lookup in pieces, delete, lookup and delete", () => {
    using map = hash(64);
    const keys = Array.from({ length: 40 }, (_, index) => index * 7);
    mapUpdateBatch(map.fd, numbers(...keys), bigints(...keys.map((key) => BigInt(key) * 3n)), keys.length);

    const found = new Map<number, bigint>();
    const [keyRoom, valueRoom] = [new Memory(32 * 4), new Memory(32 * 8)];
    let position: Memory | undefined;
    let calls = 0;
    do {
      const batch = mapLookupBatch(map.fd, position, keyRoom, valueRoom, 32, 4);
      assert.equal(batch.errno, 0);
      read32(keyRoom, batch.count).forEach((key, index) => {
        found.set(key, read64(valueRoom, batch.count)[index] ?? -1n);
      });
      position = batch.next;
      calls++;
    } while (position !== undefined);
    assert.deepEqual(
      [...found].sort(([a], [b]) => a - b),
      keys.map((key) => [key, BigInt(key) * 3n]),
    );
    assert.ok(calls >= 2, "32 at a time");

    assert.equal(mapDeleteBatch(map.fd, numbers(...keys.slice(0, 10)), 10), 10);
    // Stops at the first that is not there, and says how many were.
    assert.equal(mapDeleteBatch(map.fd, numbers(keys[10] ?? 0, 1, keys[11] ?? 0), 3), 1);

    const [restKeys, restValues] = [new Memory(64 * 4), new Memory(64 * 8)];
    const rest = mapLookupBatch(map.fd, undefined, restKeys, restValues, 64, 4, true);
    assert.deepEqual([rest.count, rest.next, rest.errno], [29, undefined, 0]);
    assert.deepEqual(
      read32(restKeys, rest.count).sort((a, b) => a - b),
      keys.slice(11),
    );
    const empty = mapLookupBatch(map.fd, undefined, restKeys, restValues, 64, 4);
    assert.deepEqual([empty.count, empty.next, empty.errno], [0, undefined, 0]);
  });

  it("batches refused", () => {
    using map = hash(2);
    const three = numbers(1, 2, 3);
    const error = refused(() => mapUpdateBatch(map.fd, three, bigints(1n, 2n, 3n), 3), E2BIG);
    assert.equal(error.command, "BPF_MAP_UPDATE_BATCH");
    assert.equal(new MapElements(map.fd, 4, 8).firstKey(), 0, "those before the refused one are in the map");
    assert.equal(refused(() => mapDeleteBatch(9999, three, 3), EBADF).command, "BPF_MAP_DELETE_BATCH");
    const bad = mapLookupBatch(9999, undefined, new Memory(4), new Memory(8), 1, 4);
    assert.deepEqual([bad.count, bad.errno], [0, EBADF]);
    assert.equal(refused(() => mapUpdateBatch(map.fd, three, bigints(1n), 1, 1 << 20), EINVAL).errnoName, "EINVAL");
  });
});
