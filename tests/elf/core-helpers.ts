import assert from "node:assert/strict";
import { applyCoreRelocations, Btf, type CoreApplied, type ProgramSpec } from "../../elf/index.ts";
import { BtfWriter } from "./btf-writer.ts";
import { assemble, type Instruction } from "./elf-writer.ts";

/** BTF with the ints that the tests use, whose ids these are. */
export class Types extends BtfWriter {
  readonly u32: number = this.int("unsigned int", 4);
  readonly i32: number = this.int("int", 4, true);
  readonly u64: number = this.int("unsigned long", 8);
  readonly i64: number = this.int("long", 8, true);
  readonly u8: number = this.int("unsigned char", 1);

  /** A union, or a struct with bit fields: members are name, type, bit offset, bits. */
  composite(
    kind: "struct" | "union",
    name: string,
    size: number,
    members: readonly (readonly [name: string, type: number, bitOffset: number, bits?: number])[],
  ): number {
    const words = members.flatMap(([member, type, offset, bits = 0]) => [
      this.strings.add(member),
      type,
      (bits << 24) | offset,
    ]);
    return this.record(kind === "struct" ? 4 : 5, name, size, words, members.length, true);
  }

  enum(name: string, values: Readonly<Record<string, number>>, signed = false): number {
    const words = Object.entries(values).flatMap(([value, number]) => [this.strings.add(value), number >>> 0]);
    return this.record(6, name, 4, words, words.length / 2, signed);
  }

  enum64(name: string, values: Readonly<Record<string, bigint>>, signed = false): number {
    const words = Object.entries(values).flatMap(([value, number]) => {
      const bits = BigInt.asUintN(64, number);
      return [this.strings.add(value), Number(bits & 0xffffffffn), Number(bits >> 32n)];
    });
    return this.record(19, name, 8, words, words.length / 3, signed);
  }

  typedef(name: string, type: number): number {
    return this.record(8, name, type);
  }

  qualified(kind: "const" | "volatile", type: number): number {
    return this.record(kind === "const" ? 10 : 9, "", type);
  }

  forward(name: string, union = false): number {
    return this.record(7, name, 0, [], 0, union);
  }

  proto(result: number, ...parameters: readonly number[]): number {
    return this.record(
      13,
      "",
      result,
      parameters.flatMap((type) => [0, type]),
      parameters.length,
    );
  }
}

/** Bits of each relocation: kind, access, and the instruction that has it. */
export interface Asked {
  readonly type: number;
  readonly kind: number;
  readonly access?: string;
  readonly code: readonly Instruction[];
}

/** `rX = n` as the compiler writes it for a relocation whose value in the object is n. */
export const move = (imm: number): Instruction[] => [{ op: 0xb7, dst: 1, imm }];
/** `rX = *(u32 *)(rY + off)`. */
export const load32 = (off: number): Instruction[] => [{ op: 0x61, dst: 1, src: 2, off }];
/** `rX = n ll`. */
export const constant = (low: number, high = 0): Instruction[] => [
  { op: 0x18, dst: 1, imm: low },
  { op: 0, imm: high },
];

/** A program that is nothing but relocations. */
export function programFor(asked: readonly Asked[], littleEndian = true): ProgramSpec {
  let instruction = 0;
  const coreRelocations = asked.map(({ type, kind, access = "0", code }, record) => {
    const at = instruction;
    instruction += code.length;
    return { instruction: at, typeId: type, access, kind, record };
  });
  return {
    name: "main",
    section: "sk_msg",
    type: 16,
    expectedAttachType: 0,
    autoload: true,
    instructions: assemble(
      littleEndian,
      asked.flatMap(({ code }) => code),
    ),
    relocations: [],
    funcInfo: undefined,
    lineInfo: undefined,
    coreRelocations,
    functions: [{ name: "main", instruction: 0 }],
  };
}

/** Applies them to types of an object and of a kernel. */
export function applied(local: BtfWriter, target: BtfWriter, asked: readonly Asked[]): CoreApplied {
  const program = programFor(asked, local.littleEndian);
  const before = program.instructions.slice();
  const result = applyCoreRelocations(program, Btf.parse(local.build()), Btf.parse(target.build()));
  assert.deepEqual(program.instructions, before, "the spec stays as it is");
  return result;
}

/** The values alone; "poisoned" where an instruction was made invalid. */
export function valuesOf(local: BtfWriter, target: BtfWriter, asked: readonly Asked[]): (bigint | "poisoned")[] {
  return applied(local, target, asked).results.map(({ value }) => value ?? "poisoned");
}
