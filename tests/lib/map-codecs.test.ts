import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ArrayMap,
  type BpfMap,
  bytes,
  type Codec,
  type DefaultValue,
  Ebpf,
  GenericMap,
  HashMap,
  i32,
  i64,
  SkMsg,
  SockHash,
  u8,
  u16,
  u32,
  u64,
} from "skmsg";
import { littleEndian } from "skmsg/syscalls";
import { skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { COMPILERS, fixture } from "../support/fixtures.ts";
import { Inbox } from "../support/inbox.ts";
import { tcpPair, write } from "../support/sockets.ts";

const load = (): Ebpf => Ebpf.load(fixture("hash-array"));

/** A codec of the user's. */
const point: Codec<{ x: number; y: number }> = {
  size: 4,
  read: (view, offset) => ({ x: view.getInt16(offset, littleEndian), y: view.getInt16(offset + 2, littleEndian) }),
  write(view, offset, { x, y }) {
    view.setInt16(offset, x, littleEndian);
    view.setInt16(offset + 2, y, littleEndian);
  },
};

describe("keys and values without codecs", { skip: skipWithoutRoot }, () => {
  for (const compiler of COMPILERS)
    it(`what a program writes is read by size, and signed where BTF says so, ${compiler}`, async () => {
      using bpf = Ebpf.load(fixture("hash-array", compiler));
      const program = bpf.program("touch", SkMsg);
      program.load();
      using sockets = SockHash.create({ key: u32, maxEntries: 1 });
      program.attach(sockets);
      await using pair = await tcpPair();
      sockets.insert(1, pair.client);
      const inbox = new Inbox(pair.peer);
      assert.equal(await write(pair.client, "hello"), undefined);
      await inbox.until(5);

      const hash = (name: string): [DefaultValue, DefaultValue][] => [...bpf.map(name, HashMap)];
      assert.deepEqual(hash("HASH_U8"), [[5, 5]]);
      assert.deepEqual(hash("HASH_U16"), [[5, 5]]);
      assert.deepEqual(hash("HASH_U32"), [[5, 5]]);
      assert.deepEqual(hash("HASH_U64"), [[5n, 5n]]);
      assert.deepEqual(hash("HASH_I32"), [[-5, -5]]);
      assert.deepEqual(hash("HASH_I64"), [[-5n, -5n]]);
      const first = (name: string): DefaultValue | undefined => bpf.map(name, ArrayMap).get(0);
      assert.equal(first("ARRAY_U8"), 5);
      assert.equal(first("ARRAY_U16"), 5);
      assert.equal(first("ARRAY_U32"), 5);
      assert.equal(first("ARRAY_U64"), 5n);
      assert.equal(first("ARRAY_I32"), -5);
      assert.equal(first("ARRAY_I64"), -5n);
      // struct record: neither 1, 2, 4 nor 8 bytes, so bytes.
      const record = first("ARRAY_RECORD");
      assert.ok(record instanceof Uint8Array && record.length === 16);
      const view = new DataView(record.buffer);
      assert.equal(view.getBigUint64(0, littleEndian), 5n);
      assert.equal(view.getInt32(8, littleEndian), -5);
      assert.deepEqual(hash("HASH_RECORD"), [[record, record]]);
    });

  it("are written so, too, and checked", () => {
    using bpf = load();
    const signed = bpf.map("HASH_I32", HashMap);
    signed.set(-1, -(2 ** 31));
    assert.deepEqual([...signed], [[-1, -(2 ** 31)]]);
    throwsCode(
      () => signed.set(2 ** 31, 0),
      "ERR_OUT_OF_RANGE",
      /The key does not fit .*"HASH_I32": 2147483648 is no i32/,
    );
    const unsigned = bpf.map("HASH_U8", HashMap);
    throwsCode(() => unsigned.set(1, 300), "ERR_OUT_OF_RANGE", /The value does not fit .*"HASH_U8": 300 is no u8/);
    throwsCode(() => unsigned.get("1" as never), "ERR_INVALID_TYPE", /key/); // what the type forbids
    assert.deepEqual([...unsigned], []);
    const record = bpf.map("HASH_RECORD", HashMap);
    throwsCode(() => record.set(new Uint8Array(16), new Uint8Array(15)), "ERR_INVALID_SIZE", /value.*16 bytes.*15/);
    record.set(new Uint8Array(16).fill(1), new Uint8Array(16).fill(2));
    assert.deepEqual([...record], [[new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]]);
  });
});

describe("keys and values with codecs", { skip: skipWithoutRoot }, () => {
  it("bpf.map(name, class, codecs): another view of the same map", () => {
    using bpf = load();
    const plain = bpf.map("HASH_U32", HashMap);
    const typed = bpf.map("HASH_U32", HashMap, { key: i32, value: point });
    typed.set(-1, { x: 3, y: -4 });
    assert.deepEqual(typed.get(-1), { x: 3, y: -4 });
    assert.deepEqual([...typed.values()], [{ x: 3, y: -4 }]);
    assert.deepEqual([...plain.keys()], [2 ** 32 - 1]);
    assert.equal(typed.id, plain.id);
    assert.notEqual(typed.fd, plain.fd);
    // One of the two codecs: the other stays as it was.
    const half = bpf.map("HASH_U32", HashMap, { value: bytes(4) });
    assert.ok(half.get(2 ** 32 - 1) instanceof Uint8Array);
    // It goes with the object.
    bpf.close();
    throwsCode(() => typed.get(-1), "ERR_CLOSED");
  });

  it("a codec of another size is refused, and leaves nothing", () => {
    using bpf = load();
    throwsCode(
      () => bpf.map("HASH_U32", HashMap, { key: u64 }),
      "ERR_INVALID_SIZE",
      /8 bytes.*key.*"HASH_U32".*4 bytes/,
    );
    throwsCode(() => bpf.map("ARRAY_U8", ArrayMap, { value: u16 }), "ERR_INVALID_SIZE", /value of .*"ARRAY_U8"/);
    throwsCode(() => bpf.map("ARRAY_U8", HashMap, { value: u8 }), "ERR_UNEXPECTED_MAP_TYPE");
  });

  it("what a codec of the user's throws comes through", () => {
    const bad: Codec<number> = {
      size: 4,
      read: () => {
        throw new RangeError("no reading");
      },
      write: () => {
        throw new RangeError("no writing");
      },
    };
    using bpf = load();
    const map = bpf.map("ARRAY_U32", ArrayMap, { value: bad });
    assert.throws(() => map.set(0, 1), new RangeError("no writing"));
    assert.throws(() => map.get(0), new RangeError("no reading"));
    assert.throws(() => [...map], new RangeError("no reading"));
  });
});

/** Whether two types are the same; used as a type, it fails to compile where they are not. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
const same = <A, B>(_: Same<A, B>): void => {};

describe("types", { skip: skipWithoutRoot }, () => {
  it("follow the codecs", () => {
    using bpf = load();
    const both = bpf.map("HASH_U32", HashMap, { key: u32, value: point });
    same<typeof both, HashMap<number, { x: number; y: number }>>(true);
    const key = bpf.map("HASH_U64", HashMap, { key: i64 });
    same<typeof key, HashMap<bigint, DefaultValue>>(true);
    const none = bpf.map("HASH_U8", HashMap);
    same<typeof none, HashMap<DefaultValue, DefaultValue>>(true);
    const given = bpf.map("HASH_U8", HashMap<number, number>);
    same<typeof given, HashMap<number, number>>(true);
    const array = bpf.map("ARRAY_RECORD", ArrayMap, { value: bytes(16) });
    same<ReturnType<typeof array.get>, Uint8Array | undefined>(true);
    same<typeof array, ArrayMap<Uint8Array>>(true);
    const unnamed = bpf.map("HASH_U8");
    same<typeof unnamed, BpfMap>(true);
    using made = HashMap.create({ key: u8, value: u64, maxEntries: 1 });
    same<typeof made, HashMap<number, bigint>>(true);
    using sockets = SockHash.create({ key: bytes(4), maxEntries: 1 });
    same<Parameters<typeof sockets.get>[0], Uint8Array>(true);
    using generic = GenericMap.create(1, { key: u8, maxEntries: 1 });
    same<typeof generic, GenericMap<number, DefaultValue>>(true);
    assert.ok(both && key && none && given && array && unnamed);
  });

  it("forbid what the codecs cannot write", () => {
    using map = HashMap.create({ key: u32, value: u64, maxEntries: 1 });
    // @ts-expect-error a string is no key
    throwsCode(() => map.set("1", 1n), "ERR_INVALID_TYPE");
    // @ts-expect-error a string is no value
    throwsCode(() => map.set(1, "1"), "ERR_INVALID_TYPE");
    // @ts-expect-error a bigint is no u32
    throwsCode(() => map.get(1n), "ERR_OUT_OF_RANGE");
    using bpf = load();
    const typed = bpf.map("HASH_U32", HashMap, { key: u32, value: u32 });
    // @ts-expect-error a bigint is no u32
    throwsCode(() => typed.set(1, 1n), "ERR_OUT_OF_RANGE");
    // @ts-expect-error a codec of numbers does not fit a map of bigints
    bpf.map("HASH_U32", HashMap<number, bigint>, { value: u32 });
  });
});
