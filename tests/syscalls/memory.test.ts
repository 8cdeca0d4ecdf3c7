import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  BPF_ANY,
  littleEndian,
  MapElements,
  MapFlags,
  Mapping,
  MapType,
  Memory,
  type MemoryLock,
  mapCreate,
  mapFreeze,
  memoryLock,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
  setMemoryLock,
} from "skmsg/syscalls";
import { procStatus, skipWithoutRoot } from "../support/environment.ts";

describe("Memory", { skip: skipWithoutRoot }, () => {
  it("has an address of its own, also of size 0, and begins with zeros", () => {
    const blocks = [new Memory(0), new Memory(1), new Memory(100)];
    const addresses = blocks.map(({ address }) => address);
    assert.ok(addresses.every((address) => Number.isSafeInteger(address) && address > 0));
    assert.equal(new Set(addresses).size, 3);
    assert.deepEqual(
      blocks.map(({ bytes }) => bytes.length),
      [0, 1, 100],
    );
    assert.ok(blocks.every(({ bytes }) => bytes.every((byte) => byte === 0)));
  });

  it("from copies; bytes and view are the same memory", () => {
    const source = Uint8Array.of(1, 2, 3, 4);
    const memory = Memory.from(source.subarray(1));
    source[1] = 99;
    assert.deepEqual([...memory.bytes], [2, 3, 4]);
    memory.view.setUint8(0, 7);
    assert.equal(memory.bytes[0], 7);
  });

  it("cString is UTF-8 with a NUL", () => {
    assert.deepEqual([...Memory.cString("aé").bytes], [0x61, 0xc3, 0xa9, 0]);
  });
});

describe("Mapping", { skip: skipWithoutRoot }, () => {
  const PAGE = 4096;
  const array = (more = {}): OwnedFd =>
    mapCreate({
      map_type: MapType.Array,
      key_size: 4,
      value_size: 8,
      max_entries: 4,
      map_flags: MapFlags.Mmapable,
      ...more,
    });

  it("shows an array's values, and writes them", () => {
    using map = array();
    const elements = new MapElements(map.fd, 4, 8);
    elements.key.setUint32(0, 2, littleEndian);
    elements.value.setBigUint64(0, 77n, littleEndian);
    assert.equal(elements.update(BPF_ANY), 0);

    using mapping = new Mapping(map.fd, PAGE, PROT_READ | PROT_WRITE);
    assert.equal(mapping.length, PAGE);
    assert.equal(mapping.bytes.length, PAGE);
    const view = new DataView(mapping.bytes.buffer, mapping.bytes.byteOffset);
    assert.equal(view.getBigUint64(16, littleEndian), 77n);

    view.setBigUint64(16, 78n, littleEndian);
    assert.equal(elements.lookup(), 0);
    assert.equal(elements.value.getBigUint64(0, littleEndian), 78n);
  });

  it("lives on after the fd, and cannot be reached after unmap", () => {
    const map = array();
    const mapping = new Mapping(map.fd, PAGE, PROT_READ);
    map.close();
    assert.equal(mapping.bytes[0], 0);
    mapping.unmap();
    mapping.unmap();
    mapping[Symbol.dispose]();
    assert.throws(() => mapping.bytes, { name: "SyscallError", code: "ERR_CLOSED" });
  });

  it("a map mapped for writing cannot be frozen, and a frozen one cannot be mapped so", () => {
    using map = array();
    using mapping = new Mapping(map.fd, PAGE, PROT_READ | PROT_WRITE);
    assert.throws(() => mapFreeze(map.fd), { command: "BPF_MAP_FREEZE", errnoName: "EBUSY" });
    mapping.unmap();
    mapFreeze(map.fd);
    assert.throws(() => new Mapping(map.fd, PAGE, PROT_READ | PROT_WRITE), { command: "mmap", errnoName: "EPERM" });
    new Mapping(map.fd, PAGE, PROT_READ).unmap();
  });

  it("refused: not mmapable, too long, not open", () => {
    using plain = array({ map_flags: 0 });
    using map = array();
    const refused = (fd: number, length: number, errnoName: RegExp): void =>
      assert.throws(() => new Mapping(fd, length, PROT_READ), { name: "SyscallError", command: "mmap", errnoName });
    refused(plain.fd, PAGE, /^(ENOTSUPP|EINVAL)$/);
    refused(map.fd, 64 * PAGE, /^EINVAL$/);
    refused(9999, PAGE, /^EBADF$/);
  });
});

/** include/uapi/linux/capability.h */
const CAP_SYS_RESOURCE = 1n << 24n;

/** The same from the kernel's own table. */
function procLimits(): MemoryLock {
  const line = /^Max locked memory +(\S+) +(\S+) +bytes/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const [soft, hard] = (line ?? [])
    .slice(1)
    .map((text) => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text)));
  return { soft: soft ?? Number.NaN, hard: hard ?? Number.NaN };
}

describe("RLIMIT_MEMLOCK", { skip: skipWithoutRoot }, () => {
  const UNLIMITED = { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY };

  it("is what /proc/self/limits says, and can be set and set back", () => {
    const before = memoryLock();
    assert.deepEqual(before, procLimits());
    const lower = { soft: 5 * 4096, hard: before.hard };
    setMemoryLock(lower);
    try {
      assert.deepEqual(memoryLock(), lower);
      assert.deepEqual(procLimits(), lower);
    } finally {
      setMemoryLock(before);
    }
    assert.deepEqual(memoryLock(), before);
  });

  const mayRaise = (BigInt(`0x${procStatus("CapEff") ?? "0"}`) & CAP_SYS_RESOURCE) !== 0n;

  it("unlimited is Infinity", { skip: !mayRaise && "needs CAP_SYS_RESOURCE" }, () => {
    const before = memoryLock();
    setMemoryLock(UNLIMITED);
    try {
      assert.deepEqual(memoryLock(), UNLIMITED);
      assert.deepEqual(procLimits(), UNLIMITED);
    } finally {
      setMemoryLock(before);
    }
  });

  it("without CAP_SYS_RESOURCE the hard limit does not rise", { skip: mayRaise && "has CAP_SYS_RESOURCE" }, () => {
    if (memoryLock().hard === Number.POSITIVE_INFINITY) return;
    assert.throws(() => setMemoryLock(UNLIMITED), { command: "prlimit64", errnoName: "EPERM" });
  });

  it("a soft limit above the hard one is refused", () => {
    assert.throws(() => setMemoryLock({ soft: 8192, hard: 4096 }), {
      name: "SyscallError",
      command: "prlimit64",
      errnoName: "EINVAL",
    });
  });
});
