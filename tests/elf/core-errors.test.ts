import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreKind } from "../../elf/core-kinds.ts";
import { type Asked, applied, constant, load32, move, Types } from "./core-helpers.ts";
import { refused } from "./helpers.ts";

const { FieldByteOffset, FieldSigned, FieldExists, TypeExists, EnumValue } = CoreKind;

const local = new Types();
const one = local.struct("one", 12, [
  ["m", local.u32, 32],
  ["a", local.array(local.u32, 2), 64],
]);
const anonymous = local.struct("", 4, [["m", local.u32, 0]]);
const small = local.enum("e", { A: 1 });
const declared = local.forward("declared");
const circle = local.typedef("circle", declared + 1);
const target = new Types();
target.struct("one", 100_000, [
  ["m", target.u32, 800_000],
  ["a", target.array(target.u32, 2), 64],
]);
target.enum("e", { A: 1 });

const field = (access: string, code: Asked["code"] = move(4), kind: number = FieldByteOffset): Asked => ({
  type: one,
  kind,
  access,
  code,
});

describe("CO-RE relocations that cannot be applied", () => {
  const cases: readonly (readonly [what: string, asked: Asked, message: RegExp])[] = [
    [
      "a value that is not the object's",
      field("0:0", move(5)),
      /has 5, and by the object's own types it should have 4/,
    ],
    ["an offset that is not", field("0:0", load32(8)), /has 8, .* should have 4/],
    ["a constant that is not", field("0:0", constant(4, 1)), /has 4294967300, .* should have 4/],
    [
      "an offset too large for a load",
      field("0:0", load32(4)),
      /at offset 100000, and a load or a store reaches to 32767/,
    ],
    ["a register for a number", field("0:0", [{ op: 0xbf, dst: 1, src: 2 }]), /takes a register/],
    ["a jump", field("0:0", [{ op: 0x05 }]), /opcode 0x5, which carries no such value/],
    ["another load of a constant", field("0:0", [{ op: 0x18, src: 1, imm: 4 }, { op: 0 }]), /not a plain constant/],
    ["half a constant", field("0:0", [{ op: 0x18, dst: 1, imm: 4 }]), /not a plain constant/],
    ["an access that is none", field("0:x"), /"0:x" is not of the form/],
    ["an empty one", field(""), /is not of the form/],
    ["a negative one", field("0:-1"), /is not of the form/],
    ["65 steps", field(Array(65).fill("0").join(":")), /has 65 steps/],
    ["a member too many", field("0:2"), /struct one has 2 members, and no number 2/],
    ["an element too many", field("0:1:2"), /an array of 2 elements has no number 2/],
    ["a step into an integer", field("0:0:0"), /steps into a int/],
    ["an index past all memory", field("99999999:0"), /bits into the type/],
    ["the sign of an element", field("0:1:0", move(0), FieldSigned), /only the offset and the size of an element/],
    ["a type with an access", { type: one, kind: TypeExists, access: "0:1", code: move(1) }, /should be "0"/],
    ["a value too many", { type: small, kind: EnumValue, access: "1", code: move(1) }, /enum e has no value at 1/],
    ["a value of a struct", { type: one, kind: EnumValue, access: "0", code: move(1) }, /struct one has no value/],
    ["a field of a declaration", { ...field("0:0"), type: declared, kind: FieldExists }, /fwd declared .* it has none/],
    ["a type without name", { type: anonymous, kind: TypeExists, code: move(1) }, /\(anonymous\) has no name/],
    ["a kind of the future", { ...field("0:0"), kind: 13 }, /the kind 13 is not known/],
    ["a type that is not there", { ...field("0:0"), type: 999 }, /type 999 is referred to/],
    ["a circle", { ...field("0:0"), type: circle }, /leads in a circle/],
  ];
  for (const [what, asked, message] of cases) {
    it(what, () => {
      const error = refused(() => applied(local, target, [asked]), "ERR_CORE_RELOCATION");
      assert.match(error.message, message);
      assert.match(
        error.message,
        /^The CO-RE relocation of instruction 0 of program "main" \(section "sk_msg"\), for /,
      );
    });
  }
});
