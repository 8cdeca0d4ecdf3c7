import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Btf, type BtfType } from "../../elf/index.ts";
import { BtfWriter } from "./btf-writer.ts";
import { refused } from "./helpers.ts";

const KERNEL = "/sys/kernel/btf/vmlinux";

/** One of each kind, and what it must decode to. */
function everyKind(littleEndian: boolean): { bytes: Uint8Array; expected: BtfType[] } {
  const w = new BtfWriter(littleEndian);
  const name = (text: string): number => w.strings.add(text);
  w.int("int", 4, true);
  w.ptr(1);
  w.array(1, 10);
  w.struct("s", 8, [
    ["a", 1, 0],
    ["b", 2, 32],
  ]);
  w.record(4, "bits", 4, [name("x"), 1, (3 << 24) | 5], 1, true);
  w.record(5, "u", 4, [name("m"), 1, 0], 1);
  w.record(6, "e", 4, [name("MINUS"), -1, name("TWO"), 2], 2, true);
  w.record(6, "big", 4, [name("LARGE"), 0xffffffff], 1);
  w.record(7, "fs", 0);
  w.record(7, "fu", 0, [], 0, true);
  for (const kind of [8, 9, 10, 11]) w.record(kind, kind === 8 ? "t" : "", 1);
  w.record(13, "", 1, [name("p"), 1, 0, 0], 2);
  w.func("f", 15, 2);
  w.variable("v", 1, 1);
  w.datasec(".data", 4, [[17, 0, 4]]);
  w.record(16, "double", 8);
  w.record(17, "tag", 4, [-1]);
  w.record(18, "ttag", 1);
  w.record(19, "e64", 8, [name("NEG"), 0xffffffff, 0xffffffff], 1, true);
  w.record(19, "u64", 8, [name("POS"), 1, 0x80000000], 1);
  w.record(1, "bool", 1, [0x4000000 | 8]);
  w.record(1, "char", 1, [0x2000000 | (3 << 16) | 5]);
  const expected: BtfType[] = [
    { kind: "void", id: 0, name: "" },
    { kind: "int", id: 1, name: "int", size: 4, signed: true, char: false, bool: false, bits: 32, bitOffset: 0 },
    { kind: "ptr", id: 2, name: "", type: 1 },
    { kind: "array", id: 3, name: "", type: 1, indexType: 1, length: 10 },
    {
      kind: "struct",
      id: 4,
      name: "s",
      size: 8,
      members: [
        { name: "a", type: 1, bitOffset: 0, bitFieldSize: 0 },
        { name: "b", type: 2, bitOffset: 32, bitFieldSize: 0 },
      ],
    },
    { kind: "struct", id: 5, name: "bits", size: 4, members: [{ name: "x", type: 1, bitOffset: 5, bitFieldSize: 3 }] },
    { kind: "union", id: 6, name: "u", size: 4, members: [{ name: "m", type: 1, bitOffset: 0, bitFieldSize: 0 }] },
    {
      kind: "enum",
      id: 7,
      name: "e",
      size: 4,
      signed: true,
      values: [
        { name: "MINUS", value: -1 },
        { name: "TWO", value: 2 },
      ],
    },
    { kind: "enum", id: 8, name: "big", size: 4, signed: false, values: [{ name: "LARGE", value: 0xffffffff }] },
    { kind: "fwd", id: 9, name: "fs", union: false },
    { kind: "fwd", id: 10, name: "fu", union: true },
    { kind: "typedef", id: 11, name: "t", type: 1 },
    { kind: "volatile", id: 12, name: "", type: 1 },
    { kind: "const", id: 13, name: "", type: 1 },
    { kind: "restrict", id: 14, name: "", type: 1 },
    {
      kind: "func_proto",
      id: 15,
      name: "",
      returnType: 1,
      parameters: [
        { name: "p", type: 1 },
        { name: "", type: 0 },
      ],
    },
    { kind: "func", id: 16, name: "f", type: 15, linkage: 2 },
    { kind: "var", id: 17, name: "v", type: 1, linkage: 1 },
    { kind: "datasec", id: 18, name: ".data", size: 4, variables: [{ type: 17, offset: 0, size: 4 }] },
    { kind: "float", id: 19, name: "double", size: 8 },
    { kind: "decl_tag", id: 20, name: "tag", type: 4, componentIndex: -1 },
    { kind: "type_tag", id: 21, name: "ttag", type: 1 },
    { kind: "enum64", id: 22, name: "e64", size: 8, signed: true, values: [{ name: "NEG", value: -1n }] },
    { kind: "enum64", id: 23, name: "u64", size: 8, signed: false, values: [{ name: "POS", value: (1n << 63n) + 1n }] },
    { kind: "int", id: 24, name: "bool", size: 1, signed: false, char: false, bool: true, bits: 8, bitOffset: 0 },
    { kind: "int", id: 25, name: "char", size: 1, signed: false, char: true, bool: false, bits: 5, bitOffset: 3 },
  ];
  return { bytes: w.build(), expected };
}

for (const littleEndian of [true, false]) {
  describe(`BTF of ${littleEndian ? "little" : "big"} endian`, () => {
    const { bytes, expected } = everyKind(littleEndian);
    const btf = Btf.parse(bytes);

    it("decodes every kind", () => {
      assert.equal(btf.littleEndian, littleEndian);
      assert.equal(btf.typeCount, expected.length);
      assert.deepEqual(
        expected.map((_, id) => btf.type(id)),
        expected,
      );
      for (const { id, kind } of expected) assert.equal(btf.kind(id), kind);
    });

    it("finds by name and kind", () => {
      assert.equal(btf.findByName("s"), 4);
      assert.equal(btf.findByName("s", "struct"), 4);
      assert.equal(btf.findByName("s", "union"), undefined);
      assert.equal(btf.findByName("nothing"), undefined);
      assert.equal(btf.findByName(""), undefined);
      assert.deepEqual(btf.findAllByName("u64"), [23]);
    });

    it("gives sizes", () => {
      const sizes = [1, 2, 3, 4, 6, 7, 11, 12, 13, 14, 17, 18, 19, 20, 21, 22].map((id) => btf.sizeOf(id));
      assert.deepEqual(sizes, [4, 8, 40, 8, 4, 4, 4, 4, 4, 4, 4, 4, 8, 8, 4, 8]);
      for (const id of [0, 9, 15, 16]) refused(() => btf.sizeOf(id), "ERR_BTF_MALFORMED");
    });

    it("skips modifiers", () => {
      for (const id of [11, 12, 13, 14, 21]) assert.equal(btf.skipModifiers(id), 1);
      assert.equal(btf.skipModifiers(2), 2);
      assert.equal(btf.skipModifiers(0), 0);
    });
  });
}

describe("BTF", () => {
  it("refuses ids, strings and names that are not there", () => {
    const w = new BtfWriter();
    w.record(8, "t", 99);
    w.record(8, "x".repeat(2000), 1);
    const btf = Btf.parse(w.build());
    for (const id of [3, -1, 0x7fffffff, 1.5]) refused(() => btf.type(id), "ERR_BTF_MALFORMED");
    refused(() => btf.kind(3), "ERR_BTF_MALFORMED");
    refused(() => btf.skipModifiers(1), "ERR_BTF_MALFORMED");
    refused(() => btf.string(100_000), "ERR_BTF_MALFORMED");
    refused(() => btf.name(100_000), "ERR_BTF_MALFORMED");
    refused(() => btf.type(2), "ERR_BTF_MALFORMED");
    assert.equal(btf.string(3), "x".repeat(2000));
    assert.equal(btf.string(0), "");
  });

  it("notices cycles and absurd sizes", () => {
    const w = new BtfWriter();
    w.record(8, "a", 2);
    w.record(8, "b", 1);
    w.array(3, 2, 3);
    w.int("int", 4);
    w.array(4, 0x40000000, 4);
    const btf = Btf.parse(w.build());
    refused(() => btf.sizeOf(1), "ERR_BTF_MALFORMED");
    refused(() => btf.sizeOf(3), "ERR_BTF_MALFORMED");
    refused(() => btf.sizeOf(5), "ERR_BTF_MALFORMED");
    refused(() => btf.skipModifiers(2), "ERR_BTF_MALFORMED");
  });

  it("refuses a damaged header, whichever field it is", () => {
    const { bytes } = everyKind(true);
    const patched = (at: number, ...values: readonly number[]): Uint8Array => {
      const copy = bytes.slice();
      copy.set(values, at);
      return copy;
    };
    for (const damaged of [
      bytes.subarray(0, 20),
      bytes.subarray(0, bytes.length - 1),
      patched(0, 0),
      patched(2, 2),
      patched(4, 8),
      patched(8, 0xff, 0xff, 0xff, 0xff),
      patched(12, 0xff, 0xff, 0xff, 0xff),
      patched(16, 0xff, 0xff),
      patched(20, 0xff, 0xff),
      patched(bytes.length - 1, 0x41),
    ]) {
      refused(() => Btf.parse(damaged), "ERR_BTF_MALFORMED");
    }
  });

  it("refuses unknown kinds and records that are cut off", () => {
    const unknown = new BtfWriter();
    unknown.record(31, "x", 0);
    assert.match(refused(() => Btf.parse(unknown.build()), "ERR_BTF_MALFORMED").message, /kind 31.*newer compiler/);
    const none = new BtfWriter();
    none.record(0, "", 0);
    refused(() => Btf.parse(none.build()), "ERR_BTF_MALFORMED");
    const short = new BtfWriter();
    short.record(4, "x", 0, [], 5);
    refused(() => Btf.parse(short.build()), "ERR_BTF_MALFORMED");
    const odd = new BtfWriter();
    odd.record(2, "", 0, [1]);
    refused(() => Btf.parse(odd.build()), "ERR_BTF_MALFORMED");
  });

  it("goes on from a base", () => {
    const { bytes, expected } = everyKind(true);
    const base = Btf.parse(bytes);
    // A split BTF counts string offsets from the end of the base's strings, and has no empty string of its own.
    const strings = new TextEncoder().encode("mine\0s\0");
    const words = [base.stringsEnd, 8 << 24, 4, base.stringsEnd + 5, (10 << 24) | 0, expected.length];
    const split = new Uint8Array(24 + words.length * 4 + strings.length);
    const view = new DataView(split.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    const header = [24, 0, words.length * 4, words.length * 4, strings.length];
    for (const [index, value] of header.entries()) view.setUint32(4 + index * 4, value, true);
    for (const [index, value] of words.entries()) view.setUint32(24 + index * 4, value, true);
    split.set(strings, 24 + words.length * 4);

    const btf = Btf.parse(split, { base });
    assert.equal(btf.typeCount, expected.length + 2);
    assert.deepEqual(btf.type(expected.length), { kind: "typedef", id: expected.length, name: "mine", type: 4 });
    assert.deepEqual(btf.type(4), base.type(4));
    assert.equal(btf.kind(4), "struct");
    assert.equal(btf.sizeOf(expected.length + 1), 8);
    assert.equal(btf.findByName("mine"), expected.length);
    assert.deepEqual(btf.findAllByName("s"), [4, expected.length + 1]);
    assert.equal(btf.findByName("f", "func"), 16);
    assert.equal(btf.string(1), base.string(1));
    refused(() => Btf.parse(split), "ERR_BTF_MALFORMED");
  });

  it("finds whatever name was written", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc
            .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
            .filter((text) => !text.includes("\0") && !/[\ud800-\udfff](?![\udc00-\udfff])/u.test(text)),
          { minLength: 1 },
        ),
        fc.boolean(),
        (names, littleEndian) => {
          const w = new BtfWriter(littleEndian);
          const ids = names.map((name) => w.record(8, name, 0));
          const btf = Btf.parse(w.build());
          ids.forEach((id, index) => {
            const name = names[index] ?? "";
            assert.equal(btf.type(id).name, name);
            assert.equal(btf.findByName(name, "typedef"), id);
          });
        },
      ),
    );
  });
});

describe("the running kernel's BTF", { skip: !existsSync(KERNEL) && "no /sys/kernel/btf/vmlinux" }, () => {
  const bytes = new Uint8Array(existsSync(KERNEL) ? readFileSync(KERNEL) : []);

  it("decodes from end to end", () => {
    const btf = Btf.parse(bytes);
    let members = 0;
    for (let id = 0; id < btf.typeCount; id++) {
      const type = btf.type(id);
      if (type.kind === "struct") members += type.members.length;
    }
    assert.ok(members > 10_000);
  });

  it("knows the context of sk_msg", () => {
    const btf = Btf.parse(bytes);
    const type = btf.type(btf.findByName("sk_msg_md", "struct") ?? 0);
    assert.ok(type.kind === "struct");
    assert.deepEqual(type.members.map(({ name }) => name).slice(2, 6), [
      "family",
      "remote_ip4",
      "local_ip4",
      "remote_ip6",
    ]);
  });
});
