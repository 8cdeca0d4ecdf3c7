import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import {
  ArrayMap,
  BPF_NOEXIST,
  BpfMap,
  bytes,
  GenericMap,
  HashMap,
  MapFlags,
  MapInfo,
  MapType,
  SockHash,
  SockMap,
  u8,
  u16,
  u32,
  u64,
} from "skmsg";
import { btfLoad, littleEndian, mapCreate } from "skmsg/syscalls";
import { BtfWriter } from "../elf/btf-writer.ts";
import { skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";

const filled = (keys: readonly number[], maxEntries = 16): HashMap<number, bigint> => {
  const map = HashMap.create({ name: "filled", key: u32, value: u64, maxEntries });
  for (const key of keys) map.set(key, BigInt(key) * 10n);
  return map;
};

describe("making maps", { skip: skipWithoutRoot }, () => {
  it("create: what was asked for is what the kernel has", () => {
    using map = HashMap.create({
      name: "a name, longer than fifteen",
      key: bytes(6),
      value: u16,
      maxEntries: 3,
      flags: MapFlags.NoPrealloc,
    });
    assert.equal(map.name, "a name, longer than fifteen");
    assert.deepEqual([map.type, map.keySize, map.valueSize, map.maxEntries], [MapType.Hash, 6, 2, 3]);
    assert.equal(map.flags, MapFlags.NoPrealloc);
    const info = map.info();
    assert.equal(info.name, "a_name__longer_");
    assert.deepEqual([info.id, info.keySize, info.valueSize], [map.id, 6, 2]);
  });

  it("create: sizes without codecs, 4 bytes by default", () => {
    using plain = HashMap.create({ maxEntries: 1 });
    assert.deepEqual([plain.keySize, plain.valueSize, plain.name], [4, 4, ""]);
    using sized = HashMap.create({ keySize: 3, valueSize: 8, maxEntries: 1 });
    sized.set(Uint8Array.of(1, 2, 3), 5n);
    assert.deepEqual([...sized], [[Uint8Array.of(1, 2, 3), 5n]]);
    using array = ArrayMap.create({ valueSize: 1, maxEntries: 2 });
    assert.deepEqual(
      [...array],
      [
        [0, 0],
        [1, 0],
      ],
    );
    using sockets = SockMap.create({ maxEntries: 1 });
    assert.deepEqual([sockets.keySize, sockets.valueSize], [4, 8]);
    using hash = SockHash.create({ key: bytes(12), maxEntries: 1 });
    assert.deepEqual([hash.keySize, hash.valueSize, [...hash]], [12, 8, []]);
  });

  it("create refused: the message says what was asked", () => {
    throwsCode(() => HashMap.create({ name: "none", maxEntries: 0 }), "ERR_INVALID_MAP", /"none".*0 entries.*EINVAL/);
    throwsCode(() => HashMap.create({ maxEntries: -1 }), "ERR_OUT_OF_RANGE", /maxEntries.*-1/);
    throwsCode(() => HashMap.create({ maxEntries: 1.5 }), "ERR_OUT_OF_RANGE");
    throwsCode(() => HashMap.create({ maxEntries: 1, keySize: 2 ** 32 }), "ERR_OUT_OF_RANGE", /keySize/);
    throwsCode(
      () => HashMap.create({ maxEntries: 1, key: u32, keySize: 8 }),
      "ERR_INVALID_SIZE",
      /4 bytes.*key.*8 bytes/,
    );
    throwsCode(() => HashMap.create({ maxEntries: 1, value: u8, valueSize: 8 }), "ERR_INVALID_SIZE", /value/);
  });

  it("GenericMap.create makes a map of any type", () => {
    using lru = GenericMap.create(MapType.LruHash, { name: "lru", key: u32, value: u64, maxEntries: 8 });
    assert.equal(lru.info().type, MapType.LruHash);
    lru.set(1, 10n);
    assert.deepEqual([...lru], [[1, 10n]]);
    using trie = GenericMap.create(MapType.LpmTrie, {
      key: bytes(8),
      value: u32,
      maxEntries: 8,
      flags: MapFlags.NoPrealloc,
    });
    // 10.0.0.0/8; the prefix length comes first, in the host's byte order.
    const prefix = (length: number, ...address: number[]): Uint8Array => {
      const key = new Uint8Array(8);
      u32.write(new DataView(key.buffer), 0, length);
      key.set(address, 4);
      return key;
    };
    trie.set(prefix(8, 10, 0, 0, 0), 77);
    assert.equal(trie.get(prefix(32, 10, 1, 2, 3)), 77);
    assert.equal(trie.get(prefix(32, 11, 1, 2, 3)), undefined);
    assert.match(inspect(lru), /^GenericMap \{ name: 'lru', id: \d+, key: 4 B, value: 8 B, maxEntries: 8 \}$/);
  });

  it("a type that another class stands for, or that the kernel does not know", () => {
    throwsCode(() => GenericMap.create(9999 as MapType, { maxEntries: 1 }), "ERR_INVALID_MAP", /type 9999/);
  });
});

describe("the same map by another way", { skip: skipWithoutRoot }, () => {
  it("fromId, fromFd, fromMapInfo, MapInfo.open: each with an fd of its own", () => {
    using map = filled([1]);
    const others = [
      HashMap.fromId(map.id),
      HashMap.fromFd(map.fd),
      HashMap.fromMapInfo(map.info()),
      BpfMap.fromId(map.id),
      MapInfo.fromId(map.id).open(),
    ];
    for (const other of others) {
      assert.equal(other.id, map.id);
      assert.notEqual(other.fd, map.fd);
    }
    assert.ok(others[4] instanceof HashMap);
    assert.deepEqual([...(others[1] as HashMap<number, bigint>)], [[1, 10n]]); // by size: 4 and 8 bytes
    for (const other of others) other.close();
    assert.equal(map.get(1), 10n);
  });

  it("another class refuses it, and says both types", () => {
    using map = filled([]);
    for (const refused of [
      () => ArrayMap.fromId(map.id),
      () => SockHash.fromFd(map.fd),
      () => SockMap.fromMapInfo(map.info()),
      () => ArrayMap.from(map),
    ])
      throwsCode(refused, "ERR_UNEXPECTED_MAP_TYPE", /"filled".* is a Hash map, and \w+ was asked for/);
    assert.equal(HashMap.from(map), map);
    assert.equal(BpfMap.from(map), map);
  });

  it("an id that there is none of", () => {
    for (const id of [0, -1, 1.5, Number.NaN, 0x7fff_fff0, 2 ** 32])
      throwsCode(() => BpfMap.fromId(id), "ERR_NO_SUCH_ID", /map/);
  });
});

describe("maps that cannot be written, or read", { skip: skipWithoutRoot }, () => {
  it("freeze: writing is refused from then on, reading goes on", () => {
    using map = filled([1]);
    assert.equal(map.info().frozen, false);
    map.freeze();
    assert.equal(map.info().frozen, true);
    for (const write of [() => map.set(1, 2n), () => map.insert(2, 2n), () => map.delete(1), () => map.clear()])
      throwsCode(write, "ERR_READ_ONLY", /frozen/);
    assert.equal(map.get(1), 10n);
    assert.deepEqual([...map], [[1, 10n]]);
    throwsCode(() => map.freeze(), "ERR_MAP_BUSY", /frozen already/);
  });

  it("sockets stay in a frozen SockMap", () => {
    using sockets = SockMap.create({ maxEntries: 1 });
    sockets.freeze();
    throwsCode(() => sockets.delete(0), "ERR_READ_ONLY");
  });

  it("a map whose values hold a lock cannot be frozen", { skip: skipBelow("6.12") }, () => {
    const types = new BtfWriter(littleEndian);
    const int = types.int("unsigned int", 4);
    const lock = types.struct("bpf_spin_lock", 4, [["val", int, 0]]);
    const value = types.struct("value", 8, [
      ["lock", lock, 0],
      ["number", int, 32],
    ]);
    using btf = btfLoad(types.build());
    using fd = mapCreate({
      map_type: MapType.Hash,
      key_size: 4,
      value_size: 8,
      max_entries: 1,
      btf_fd: btf.fd,
      btf_key_type_id: int,
      btf_value_type_id: value,
    });
    using map = HashMap.fromFd(fd.fd);
    throwsCode(() => map.freeze(), "ERR_NOT_SUPPORTED", /ENOTSUPP.*locks/);
  });

  it("read-only and write-only for system calls", () => {
    using readOnly = HashMap.create({ key: u32, value: u32, maxEntries: 1, flags: MapFlags.Rdonly });
    throwsCode(() => readOnly.set(1, 1), "ERR_READ_ONLY");
    assert.equal(readOnly.get(1), undefined);
    // Older kernels let an fd freeze what it may not write.
    if (!skipBelow("6.12")) throwsCode(() => readOnly.freeze(), "ERR_PERMISSION");
    using writeOnly = HashMap.create({ key: u32, value: u32, maxEntries: 1, flags: MapFlags.Wronly });
    writeOnly.set(1, 1);
    throwsCode(() => writeOnly.get(1), "ERR_WRITE_ONLY");
    throwsCode(() => writeOnly.has(1), "ERR_WRITE_ONLY");
    throwsCode(() => [...writeOnly], "ERR_WRITE_ONLY");
  });

  it("an operation that the type does not know", () => {
    using queue = GenericMap.create(MapType.Queue, { keySize: 0, valueSize: 4, maxEntries: 4 });
    throwsCode(() => [...queue], "ERR_NOT_SUPPORTED");
    using array = ArrayMap.create({ maxEntries: 1 });
    throwsCode(() => array.set(0, 1, BPF_NOEXIST), "ERR_KEY_EXISTS", /Every index of an array is there/);
    throwsCode(() => array.set(0, 1, 1 << 20), "ERR_NOT_SUPPORTED");
  });
});
