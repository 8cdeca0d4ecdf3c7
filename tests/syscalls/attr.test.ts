import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KernelStruct, littleEndian, MAP_CREATE, MAP_INFO, Memory, OBJ_INFO, PROG_INFO } from "skmsg/syscalls";
import { ATTR_SIZE, writeAttr } from "../../syscalls/attr.ts";
import { skipWithoutRoot } from "../support/environment.ts";

// Memory wants an address, and so koffi.
describe("attributes", { skip: skipWithoutRoot }, () => {
  it("the size is the smallest that holds the fields given, whatever order they come in", () => {
    const attr = new Memory(ATTR_SIZE);
    assert.equal(writeAttr(attr, MAP_CREATE, { max_entries: 1, map_type: 2 }), 16);
    assert.equal(writeAttr(attr, MAP_CREATE, { map_name: "x", map_type: 2 }), 44);
    assert.equal(writeAttr(attr, MAP_CREATE, { map_type: 2, map_extra: undefined }), 4);
    assert.equal(writeAttr(attr, MAP_CREATE, {}), 0);
  });

  it("fields are written in their place, and what was there before is gone", () => {
    const attr = new Memory(ATTR_SIZE);
    attr.bytes.fill(0xff);
    const block = new Memory(8);
    writeAttr(attr, OBJ_INFO, { bpf_fd: 7, info_len: 0xffff_fffe, info: block });
    assert.equal(attr.view.getUint32(0, littleEndian), 7);
    assert.equal(attr.view.getUint32(4, littleEndian), 0xffff_fffe);
    assert.equal(attr.view.getBigUint64(8, littleEndian), BigInt(block.address));
    assert.ok(attr.bytes.subarray(16).every((byte) => byte === 0));
  });

  it("numbers of 8 bytes may be bigints, numbers, and negative", () => {
    const attr = new Memory(ATTR_SIZE);
    const written = (map_extra: bigint | number): bigint => {
      writeAttr(attr, MAP_CREATE, { map_extra });
      return attr.view.getBigUint64(MAP_CREATE.map_extra[0], littleEndian);
    };
    assert.equal(written(2n ** 64n - 1n), 2n ** 64n - 1n);
    assert.equal(written(2 ** 40), 2n ** 40n);
    assert.equal(written(-1), 2n ** 64n - 1n);
  });

  it("a name keeps its closing NUL", () => {
    const attr = new Memory(ATTR_SIZE);
    writeAttr(attr, MAP_CREATE, { map_name: "a name of more than sixteen bytes" });
    const [offset, width] = MAP_CREATE.map_name;
    assert.equal(Buffer.from(attr.bytes.subarray(offset, offset + width)).toString("latin1"), "a name of more \0");
  });
});

describe("structs that the kernel filled in", { skip: skipWithoutRoot }, () => {
  const memory = new Memory(104);
  memory.view.setUint32(MAP_INFO.id[0], 42, littleEndian);
  memory.view.setBigUint64(MAP_INFO.map_extra[0], 2n ** 63n, littleEndian);
  memory.bytes.set(new TextEncoder().encode("name"), MAP_INFO.name[0]);

  it("are read by name", () => {
    const info = new KernelStruct(MAP_INFO, memory, 104);
    assert.equal(info.u32("id"), 42);
    assert.equal(info.u64("map_extra"), 2n ** 63n);
    assert.equal(info.text("name"), "name");
    assert.equal(info.bytes("name").length, 16);
    // An arm of a union: the same bytes by another table.
    assert.equal(info.as(PROG_INFO).u32("id"), 42);
    // A copy.
    info.bytes("id").fill(0);
    assert.equal(info.u32("id"), 42);
  });

  it("of an older kernel end earlier: what is behind is missing, half a field as well", () => {
    const info = new KernelStruct(MAP_INFO, memory, MAP_INFO.map_extra[0] + 4);
    assert.equal(info.u64("map_extra"), undefined);
    assert.equal(info.u64("map_extra", 5n), 5n);
    const shorter = new KernelStruct(MAP_INFO, memory, 4);
    assert.equal(shorter.u32("id"), undefined);
    assert.equal(shorter.u32("id", 9), 9);
    assert.equal(shorter.text("name"), "");
    assert.deepEqual(shorter.bytes("name"), new Uint8Array());
    assert.equal(shorter.as(PROG_INFO).u32("id"), undefined);
  });

  it("a name that fills its field has no NUL, and what is no UTF-8 is replaced", () => {
    const full = new Memory(104);
    full.bytes.fill(0x61, MAP_INFO.name[0], MAP_INFO.name[0] + 16);
    assert.equal(new KernelStruct(MAP_INFO, full, 104).text("name"), "a".repeat(16));
    full.bytes[MAP_INFO.name[0]] = 0xff;
    assert.equal(new KernelStruct(MAP_INFO, full, 104).text("name"), `\ufffd${"a".repeat(15)}`);
  });
});
