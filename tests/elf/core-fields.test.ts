import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreKind } from "../../elf/core-kinds.ts";
import { BtfWriter } from "./btf-writer.ts";
import { type Asked, applied, constant, load32, move, Types, valuesOf } from "./core-helpers.ts";

const { FieldByteOffset, FieldByteSize, FieldExists, FieldSigned, FieldLeftShift, FieldRightShift } = CoreKind;

describe("CO-RE relocations of fields", () => {
  it("finds a member where the kernel has it, also in anonymous structs and unions", () => {
    const local = new Types();
    const inner = local.struct("inner___x", 8, [["value", local.u32, 32]]);
    const outer = local.struct("outer___x", 16, [
      ["plain", local.u32, 0],
      ["in", inner, 64],
    ]);
    const target = new Types();
    const values = target.struct("inner", 16, [
      ["value", target.qualified("const", target.typedef("t", target.i64)), 64],
    ]);
    const anonymous = target.composite("union", "", 16, [["in", values, 0]]);
    const deep = target.struct("", 24, [
      ["other", target.u64, 0],
      ["", anonymous, 64],
    ]);
    target.struct("outer", 40, [
      ["", deep, 0],
      ["plain", target.u8, 256],
    ]);
    const ask = (kind: number, access: string, value: number): Asked => ({
      type: outer,
      kind,
      access,
      code: move(value),
    });
    const { results } = applied(local, target, [
      ask(FieldByteOffset, "0:0", 0),
      ask(FieldByteSize, "0:0", 4),
      ask(FieldByteOffset, "0:1:0", 12),
      ask(FieldByteSize, "0:1:0", 4),
      ask(FieldSigned, "0:1:0", 0),
      ask(FieldLeftShift, "0:1:0", 32),
      ask(FieldRightShift, "0:1:0", 32),
      ask(FieldExists, "0:1:0", 1),
      ask(FieldByteOffset, "2:1", 40),
    ]);
    assert.deepEqual(
      results.map(({ value }) => value),
      [32n, 1n, 16n, 8n, 1n, 0n, 0n, 1n, 88n],
    );
    assert.equal(results[2]?.local, "struct outer___x.in.value (0:1:0 @ offset 12)");
    assert.match(results[2]?.target ?? "", /^\[\d+\] struct outer\.in\.value \(0:0:1:0:0 @ offset 16\)$/);
  });

  it("bit fields are read by the smallest aligned integer that holds them", () => {
    const local = new Types();
    const one = local.composite("struct", "bits", 4, [["b", local.u32, 3, 5]]);
    const ask = (kind: number, value: number): Asked => ({ type: one, kind, access: "0:0", code: move(value) });
    const asked = [
      ask(FieldByteOffset, 0),
      ask(FieldByteSize, 4),
      ask(FieldSigned, 0),
      ask(FieldLeftShift, 56),
      ask(FieldRightShift, 59),
      ask(FieldExists, 1),
    ];
    // In one of 32 bits; across two of them, so by one of 64; no bit field at all.
    const cases: readonly (readonly [Parameters<Types["composite"]>[3], readonly bigint[]])[] = [
      [[["b", 2, 36, 7]], [4n, 4n, 1n, 64n - 11n, 57n, 1n]],
      [[["b", 1, 30, 5]], [0n, 8n, 0n, 29n, 59n, 1n]],
      [[["b", 5, 24, 0]], [3n, 1n, 0n, 56n, 56n, 1n]],
    ];
    for (const [members, expected] of cases) {
      const target = new Types();
      target.composite("struct", "bits", 16, members);
      assert.deepEqual(valuesOf(local, target, asked), expected);
    }
  });

  it("shifts count from the other end on big endian", () => {
    const local = new Types(false);
    const one = local.composite("struct", "bits", 4, [["b", local.u32, 3, 5]]);
    const target = new Types(false);
    target.composite("struct", "bits", 8, [["b", target.u32, 36, 7]]);
    const asked = { type: one, kind: FieldLeftShift, access: "0:0", code: move(35) };
    const { instructions, results } = applied(local, target, [asked]);
    assert.equal(results[0]?.value, 36n);
    assert.equal(Buffer.from(instructions).toString("hex"), "b710000000000024");
  });

  it("arrays: within their bounds, and any element of a last one without", () => {
    const local = new Types();
    const array = local.array(local.u32, 8);
    const root = local.struct("arrays", 32, [["a", array, 0]]);
    const element = (index: number): Asked => ({
      type: root,
      kind: FieldByteOffset,
      access: `0:0:${index}`,
      code: move(index * 4),
    });
    const exists = (index: number): Asked => ({ ...element(index), kind: FieldExists, code: move(1) });
    const asked = [element(2), exists(2), exists(7)];
    const inTarget = (make: (types: Types) => void): (bigint | "poisoned")[] => {
      const target = new Types();
      make(target);
      return valuesOf(local, target, asked);
    };
    assert.deepEqual(
      inTarget((types) => types.struct("arrays", 40, [["a", types.array(types.u64, 4), 64]])),
      [24n, 1n, 0n],
    );
    assert.deepEqual(
      inTarget((types) =>
        types.struct("arrays", 40, [
          ["x", types.u32, 0],
          ["a", types.array(types.u64, 0), 64],
        ]),
      ),
      [24n, 1n, 1n],
    );
    // Not the last one.
    assert.deepEqual(
      inTarget((types) =>
        types.struct("arrays", 40, [
          ["a", types.array(types.u64, 0), 0],
          ["x", types.u32, 64],
        ]),
      ),
      ["poisoned", 0n, 0n],
    );
    assert.deepEqual(
      inTarget((types) => types.struct("arrays", 40, [["a", types.ptr(types.u32), 0]])),
      ["poisoned", 0n, 0n],
    );
  });

  it("which members may be the same", () => {
    type Make = (types: Types) => number;
    const cases: readonly (readonly [what: string, local: Make, target: Make, same: boolean])[] = [
      ["integers of any size", (t) => t.u8, (t) => t.i64, true],
      ["an integer and a pointer", (t) => t.u64, (t) => t.ptr(0), false],
      ["pointers to anything", (t) => t.ptr(t.u8), (t) => t.ptr(t.struct("x", 0, [])), true],
      ["struct and union", (t) => t.struct("a", 0, []), (t) => t.composite("union", "b", 4, []), true],
      ["struct and integer", (t) => t.struct("a", 0, []), (t) => t.u32, false],
      ["enums of one name", (t) => t.enum("e___x", { A: 1 }), (t) => t.enum("e", { B: 1 }), true],
      ["enums of two names", (t) => t.enum("e", { A: 1 }), (t) => t.enum("f", { A: 1 }), false],
      ["an enum without name", (t) => t.enum("", { A: 1 }), (t) => t.enum("f", { A: 1 }), true],
      ["enums of 32 and 64 bits", (t) => t.enum("e", { A: 1 }), (t) => t.enum64("e", { A: 1n }), true],
      ["an enum and an integer", (t) => t.enum("e", { A: 1 }), (t) => t.u32, false],
      ["floats", (t) => t.record(16, "float", 4), (t) => t.record(16, "double", 8), true],
      ["arrays of such", (t) => t.array(t.array(t.u8, 2), 3), (t) => t.array(t.array(t.i32, 5), 1), true],
      ["arrays of others", (t) => t.array(t.u8, 2), (t) => t.array(t.ptr(0), 2), false],
      ["an array and its element", (t) => t.array(t.u8, 1), (t) => t.u8, false],
      ["typedefs and qualifiers", (t) => t.qualified("volatile", t.u32), (t) => t.typedef("x", t.u32), true],
    ];
    for (const [what, makeLocal, makeTarget, same] of cases) {
      const local = new Types();
      const type = local.struct("one", 8, [["m", makeLocal(local), 0]]);
      const target = new Types();
      target.struct("one", 8, [["m", makeTarget(target), 0]]);
      const asked = { type, kind: FieldExists, access: "0:0", code: move(1) };
      assert.deepEqual(valuesOf(local, target, [asked]), [same ? 1n : 0n], what);
    }
  });

  it("loads and stores move as many bytes as the kernel's field has", () => {
    const sizes = { 1: 0x71, 4: 0x61, 8: 0x79 } as const;
    const local = new Types();
    const array = local.array(local.u32, 2);
    const type = local.struct("one", 40, [
      ["unsigned", local.u32, 0],
      ["signed", local.i32, 32],
      ["pointer", local.ptr(0), 64],
      ["array", array, 128],
    ]);
    const target = new Types();
    target.struct("one", 64, [
      ["unsigned", target.u64, 64],
      ["signed", target.i64, 128],
      ["pointer", target.ptr(0), 192],
      ["array", target.array(target.u8, 7), 256],
    ]);
    const ask = (access: string, off: number, op: number): Asked => ({
      type,
      kind: FieldByteOffset,
      access,
      code: [{ op, dst: 1, src: 2, off }],
    });
    const { instructions, results } = applied(local, target, [
      ask("0:0", 0, sizes[4]),
      ask("0:0", 0, 0x63),
      ask("0:0", 0, 0x62),
      ask("0:1", 4, sizes[4]),
      ask("0:2", 8, sizes[8]),
      // An array as a whole: what an access to its first element moves.
      ask("0:3", 16, sizes[4]),
    ]);
    const view = new DataView(instructions.buffer);
    const opcodes = results.map((_, index) => view.getUint8(index * 8));
    assert.deepEqual(opcodes, [sizes[8], 0x7b, 0x7a, 0x85, sizes[8], 0x85]);
    assert.match(results[3]?.poisoned ?? "", /struct one\.signed .* is for an access to 4 bytes, and \[\d+\] .* has 8/);
  });

  it("a pointer has the size that it has in the kernel, which the first long tells", () => {
    const local = new Types();
    const one = local.struct("p", 8, [["p", local.ptr(0), 0]]);
    const target = new BtfWriter();
    target.int("long unsigned int", 4);
    target.int("long int", 8);
    target.struct("p", 8, [["p", target.ptr(0), 32]]);
    const load = { type: one, kind: FieldByteOffset, access: "0:0", code: [{ op: 0x79, dst: 1, src: 2 }] };
    const patched = applied(local, target, [load]).instructions;
    assert.equal(Buffer.from(patched).toString("hex"), "6121040000000000");
  });

  it("what the kernel does not have becomes a call of helper 195896080, both halves of a constant", () => {
    const local = new Types();
    const type = local.struct("one", 4, [["gone", local.u32, 0]]);
    const ask = (code: Asked["code"]): Asked => ({ type, kind: FieldByteOffset, access: "0:0", code });
    const target = new Types();
    target.struct("one", 4, [["other", target.u32, 0]]);
    const { instructions, results } = applied(local, target, [ask(move(0)), ask(load32(0)), ask(constant(0))]);
    assert.equal(Buffer.from(instructions).toString("hex"), "850000001023ad0b".repeat(4));
    for (const { poisoned, target: found } of results) {
      assert.match(poisoned ?? "", /^the offset of struct one\.gone \(0:0 @ offset 0\) is asked for/);
      assert.equal(found, undefined);
    }
  });
});
