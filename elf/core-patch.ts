import { viewOf } from "./bytes.ts";
import { CoreProblem } from "./core-types.ts";
import type { CoreValue } from "./core-values.ts";
import { INSTRUCTION_BYTES, OP_CALL, OP_LOAD_64 } from "./instructions.ts";

/** The helper number of an instruction made invalid, as libbpf's: 0xbad2310 reads "bad relo". */
export const CORE_POISON = 195896080;

/** Classes of instructions (RFC 9669): the low three bits of the opcode. */
const CLASS_LD = 0;
const CLASS_LDX = 1;
const CLASS_ST = 2;
const CLASS_STX = 3;
const CLASS_ALU = 4;
const CLASS_ALU64 = 7;

/** Bit of an ALU opcode: the operand is a register. */
const SOURCE_REGISTER = 0x08;
/** Bits of a load's or a store's opcode: how many bytes it moves. */
const SIZE_MASK = 0x18;
const SIZE_BITS: ReadonlyMap<number, number> = new Map([
  [4, 0x00],
  [2, 0x08],
  [1, 0x10],
  [8, 0x18],
]);

const MAX_OFFSET = 0x7fff;

/** What became of an instruction. */
export type Patched = "patched" | "absent" | "resized badly";

/**
 * Writes a relocation's value into its instruction: the immediate of `rX = n` and `rX += n`, the offset of a load or a
 * store and, if the field has another size in the kernel, how much it moves, or all of a constant of 64 bits. What has
 * no value becomes a call that the verifier refuses if it can be reached. Follows libbpf's bpf_core_patch_insn.
 *
 * @throws CoreProblem when the instruction is none of these, or does not have the value that the object's types give
 */
export function patchInstruction(
  instructions: Uint8Array,
  index: number,
  value: CoreValue,
  littleEndian: boolean,
): Patched {
  const at = index * INSTRUCTION_BYTES;
  if (at + INSTRUCTION_BYTES > instructions.length)
    throw new CoreProblem(`the program has only ${instructions.length / INSTRUCTION_BYTES} instructions`);
  const view = viewOf(instructions);
  const opcode = view.getUint8(at);
  if (value.value === undefined) {
    poison(view, at, littleEndian);
    return "absent";
  }
  switch (opcode & 7) {
    case CLASS_ALU:
    case CLASS_ALU64:
      if ((opcode & SOURCE_REGISTER) !== 0) throw new CoreProblem("the instruction takes a register and not a number");
      expect(value, BigInt(view.getInt32(at + 4, littleEndian)));
      view.setInt32(at + 4, Number(BigInt.asIntN(32, value.value)), littleEndian);
      return "patched";
    case CLASS_LDX:
    case CLASS_ST:
    case CLASS_STX:
      return patchMemory(view, at, value, value.value, littleEndian);
    case CLASS_LD:
      patchConstant(view, at, value, value.value, littleEndian);
      return "patched";
    default:
      throw new CoreProblem(`the instruction has opcode 0x${opcode.toString(16)}, which carries no such value`);
  }
}

function patchMemory(view: DataView, at: number, value: CoreValue, offset: bigint, littleEndian: boolean): Patched {
  const { resize } = value;
  expect(value, BigInt(view.getInt16(at + 2, littleEndian)));
  if (offset > MAX_OFFSET)
    throw new CoreProblem(
      `the kernel has the field at offset ${offset}, and a load or a store reaches to ${MAX_OFFSET}. Read it by bpf_probe_read_kernel (BPF_CORE_READ), which adds the offset`,
    );
  if (resize !== undefined && !resize.safe) {
    poison(view, at, littleEndian);
    return "resized badly";
  }
  view.setInt16(at + 2, Number(offset), littleEndian);
  if (resize === undefined) return "patched";
  const opcode = view.getUint8(at);
  const bits = SIZE_BITS.get(resize.to);
  if ((opcode & SIZE_MASK) !== SIZE_BITS.get(resize.from))
    throw new CoreProblem(`the instruction does not move the ${resize.from} bytes that the field has in the object`);
  if (bits === undefined)
    throw new CoreProblem(
      `the field has ${resize.to} bytes in the kernel, and an instruction moves 1, 2, 4 or 8 of them`,
    );
  view.setUint8(at, (opcode & ~SIZE_MASK) | bits);
  return "patched";
}

function patchConstant(view: DataView, at: number, value: CoreValue, constant: bigint, littleEndian: boolean): void {
  if (!isConstant(view, at, littleEndian)) throw new CoreProblem("the instruction is not a plain constant of 64 bits");
  const low = BigInt(view.getUint32(at + 4, littleEndian));
  const high = BigInt(view.getUint32(at + INSTRUCTION_BYTES + 4, littleEndian));
  expect(value, (high << 32n) | low);
  view.setUint32(at + 4, Number(constant & 0xffffffffn), littleEndian);
  view.setUint32(at + INSTRUCTION_BYTES + 4, Number(constant >> 32n), littleEndian);
}

/** Two instructions, and nothing in them but the number and where it goes. */
function isConstant(view: DataView, at: number, littleEndian: boolean): boolean {
  const registers = view.getUint8(at + 1);
  const next = at + INSTRUCTION_BYTES;
  return (
    view.getUint8(at) === OP_LOAD_64 &&
    next + INSTRUCTION_BYTES <= view.byteLength &&
    (littleEndian ? registers >> 4 : registers & 0xf) === 0 &&
    view.getUint16(at + 2) === 0 &&
    view.getUint32(next) === 0
  );
}

/** @param found as the instruction has it */
function expect({ validate, original, value }: CoreValue, found: bigint): void {
  if (!validate || BigInt.asUintN(64, found) === original) return;
  throw new CoreProblem(
    `the instruction has ${found}, and by the object's own types it should have ${original} (to become ${value}). The object was changed after it was compiled, or by a tool that does not know CO-RE`,
  );
}

function poison(view: DataView, at: number, littleEndian: boolean): void {
  const isLong = view.getUint8(at) === OP_LOAD_64 && at + 2 * INSTRUCTION_BYTES <= view.byteLength;
  // The second half as well, or the verifier's complaint would be about that.
  for (const place of isLong ? [at, at + INSTRUCTION_BYTES] : [at]) {
    view.setUint8(place, OP_CALL);
    view.setUint8(place + 1, 0);
    view.setInt16(place + 2, 0);
    view.setInt32(place + 4, CORE_POISON, littleEndian);
  }
}
