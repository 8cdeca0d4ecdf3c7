import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreKind } from "../../elf/core-kinds.ts";
import { applied, constant, move, Types, valuesOf } from "./core-helpers.ts";

const { TypeIdLocal, TypeIdTarget, TypeExists, TypeSize, TypeMatches, EnumValueExists, EnumValue } = CoreKind;

type Make = (types: Types) => number;
type Case = readonly [what: string, local: Make, target: Make, same: boolean];

/** Asks one question of a type of each side. */
function check(kind: number, cases: readonly Case[]): void {
  for (const [what, makeLocal, makeTarget, same] of cases) {
    const local = new Types();
    const type = makeLocal(local);
    const target = new Types();
    makeTarget(target);
    assert.deepEqual(valuesOf(local, target, [{ type, kind, code: move(1) }]), [same ? 1n : 0n], what);
  }
}

const named = (make: Make): Make => {
  return (types) => types.typedef("name", make(types));
};

describe("CO-RE relocations of types", () => {
  it("ids and sizes, 0 for what is not there", () => {
    const local = new Types();
    const one = local.struct("one___x", 4, [["m", local.u32, 0]]);
    const none = local.struct("none", 4, []);
    const target = new Types();
    const there = target.struct("one", 24, []);
    const asked = [one, none].flatMap((type) => [
      { type, kind: TypeIdLocal, code: constant(type) },
      { type, kind: TypeIdTarget, code: constant(type) },
      { type, kind: TypeExists, code: move(1) },
      { type, kind: TypeSize, code: move(4) },
    ]);
    const expected = [BigInt(one), BigInt(there), 1n, 24n, BigInt(none), 0n, 0n, 0n];
    assert.deepEqual(valuesOf(local, target, asked), expected);
    // A linker may have numbered the types anew and left the instruction alone.
    assert.deepEqual(valuesOf(local, target, [{ type: one, kind: TypeIdLocal, code: constant(999) }]), [BigInt(one)]);
  });

  it("which types are the same", () => {
    check(TypeExists, [
      ["structs, whatever is in them", (t) => t.struct("s", 0, []), (t) => t.struct("s", 8, [["m", t.u64, 0]]), true],
      ["a struct and a union", (t) => t.struct("s", 0, []), (t) => t.composite("union", "s", 0, []), false],
      ["a struct and a declaration", (t) => t.struct("s", 0, []), (t) => t.forward("s"), false],
      ["enums of 32 and 64 bits", (t) => t.enum("e", { A: 1 }), (t) => t.enum64("e", { A: 1n }), true],
      ["integers of one name", (t) => t.int("n", 1), (t) => t.int("n", 8, true), true],
      ["typedefs of integers", named((t) => t.u8), named((t) => t.i64), true],
      ["a typedef and a struct", named((t) => t.struct("", 0, [])), (t) => t.struct("name", 0, []), false],
      ["typedefs of other kinds", named((t) => t.u8), named((t) => t.ptr(0)), false],
      ["pointers to integers", named((t) => t.ptr(t.u8)), named((t) => t.ptr(t.i64)), true],
      ["pointers to void and not", named((t) => t.ptr(0)), named((t) => t.ptr(t.i64)), false],
      ["arrays of integers", named((t) => t.array(t.u8, 1)), named((t) => t.array(t.i64, 9)), true],
      ["functions", named((t) => t.ptr(t.proto(0, t.u8))), named((t) => t.ptr(t.proto(0, t.i64))), true],
      ["of more parameters", named((t) => t.ptr(t.proto(0, t.u8))), named((t) => t.ptr(t.proto(0, t.u8, t.u8))), false],
      ["of other parameters", named((t) => t.ptr(t.proto(0, t.u8))), named((t) => t.ptr(t.proto(0, t.ptr(0)))), false],
      ["of another result", named((t) => t.ptr(t.proto(0))), named((t) => t.ptr(t.proto(t.u8))), false],
    ]);
  });

  it("which types match", () => {
    const two: Make = (t) =>
      t.struct("s", 8, [
        ["a", t.u32, 0],
        ["b", t.u32, 32],
      ]);
    const one =
      (member: Make, name = "s"): Make =>
      (t) =>
        t.struct(name, 8, [["a", member(t), 0]]);
    check(TypeMatches, [
      ["a struct with some of the members", one((t) => t.u32, "s___x"), two, true],
      ["with more of them", two, one((t) => t.u32), false],
      ["with another size", one((t) => t.u64), two, false],
      ["with another sign", one((t) => t.i32), two, false],
      ["integers", named((t) => t.u32), named((t) => t.u32), true],
      ["enums with some of the values", (t) => t.enum("e", { A: 1 }), (t) => t.enum("e", { B: 1, A: 2 }), true],
      ["enums with more", (t) => t.enum("e", { A: 1, C: 2 }), (t) => t.enum("e", { A: 1, B: 2, D: 3 }), false],
      [
        "behind a pointer only the kind",
        one((t) => t.ptr(one((m) => m.u8, "p")(t))),
        one((t) => t.ptr(t.struct("p", 0, []))),
        true,
      ],
      ["and the name", one((t) => t.ptr(t.struct("p", 0, []))), one((t) => t.ptr(t.struct("q", 0, []))), false],
      ["or a declaration", one((t) => t.ptr(t.struct("p", 0, []))), one((t) => t.ptr(t.forward("p"))), true],
      ["of the right kind", one((t) => t.ptr(t.struct("p", 0, []))), one((t) => t.ptr(t.forward("p", true))), false],
      ["declarations of the object", one((t) => t.ptr(t.forward("p"))), one((t) => t.ptr(t.struct("p", 0, []))), true],
      ["arrays", one((t) => t.array(t.u8, 4)), one((t) => t.array(t.u8, 4)), true],
      ["of other lengths", one((t) => t.array(t.u8, 4)), one((t) => t.array(t.u8, 5)), false],
      ["functions", named((t) => t.ptr(t.proto(t.u8, t.u32))), named((t) => t.ptr(t.proto(t.u8, t.u32))), true],
      ["of other parameters", named((t) => t.ptr(t.proto(0, t.u8))), named((t) => t.ptr(t.proto(0, t.u32))), false],
      ["floats, as in libbpf", (t) => t.record(16, "f", 4), (t) => t.record(16, "f", 4), false],
    ]);
  });

  it("values of enums, of 32 and of 64 bits, signed and not", () => {
    const local = new Types();
    const small = local.enum("small___x", { A___x: 1, B: 2, GONE: 3 });
    const signed = local.enum("signed", { N: -1 }, true);
    const large = local.enum64("large", { L: 1n });
    const alias = local.typedef("alias", local.enum("", { T: 5 }));
    const target = new Types();
    target.enum("small", { B: 20, A: 10 });
    target.enum("signed", { N: -7 }, true);
    target.enum64("large", { X: 1n, L: 0x123456789abcdef0n });
    target.typedef("alias", target.enum64("", { T: -2n }, true));
    const value = (type: number, index: number, code = constant(0)): Parameters<typeof valuesOf>[2][number] => ({
      type,
      kind: EnumValue,
      access: `${index}`,
      code,
    });
    const asked = [
      value(small, 0, constant(1)),
      value(small, 1, move(2)),
      value(small, 2, constant(3)),
      { ...value(small, 2, move(1)), kind: EnumValueExists },
      { ...value(small, 1, move(1)), kind: EnumValueExists },
      value(signed, 0, move(-1)),
      value(large, 0, constant(1)),
      value(alias, 0, constant(5)),
    ];
    const unsigned = (number: bigint): bigint => BigInt.asUintN(64, number);
    const expected = [10n, 20n, "poisoned", 0n, 1n, unsigned(-7n), 0x123456789abcdef0n, unsigned(-2n)];
    assert.deepEqual(valuesOf(local, target, asked), expected);
    const { instructions } = applied(local, target, asked.slice(-1));
    assert.equal(Buffer.from(instructions).toString("hex"), "18010000feffffff00000000ffffffff");
  });
});
