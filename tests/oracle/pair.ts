import { type BtfWriter, btfExt } from "../elf/btf-writer.ts";
import { assemble, ElfWriter, EXIT, FUNC, type Instruction } from "../elf/elf-writer.ts";
import { type RandomAccess, randomAccess } from "./accesses.ts";
import { encode } from "./encode.ts";
import { generate } from "./generate.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import { Layout } from "./types.ts";

/** An object with CO-RE relocations, and the types of a kernel for it. */
export interface Pair {
  readonly object: Uint8Array;
  readonly target: Uint8Array;
}

/** The pair of that seed: random types, accesses to them in two programs, and what became of the types in the kernel. */
export function randomPair(seed: number): Pair {
  const random = new Random(seed);
  const local = new Layout(generate(random), 8);
  const target = new Layout(mutate(random, local.universe), random.chance(15) ? 4 : 8);
  const btf = encode(local);
  const programs = random.list(2, () => random.list(1 + random.below(4), () => randomAccess(random, local)));
  const targetBtf = encode(target);
  if (target.pointerBytes === 4) targetBtf.int("long unsigned int", 4);
  else targetBtf.int("long int", 8, true);
  return { object: objectOf(random, btf, programs), target: targetBtf.build() };
}

function objectOf(random: Random, btf: BtfWriter, programs: readonly (readonly RandomAccess[])[]): Uint8Array {
  const writer = new ElfWriter();
  const code: Instruction[] = [];
  const records: number[][] = [];
  const starts: { start: number; length: number }[] = [];
  for (const accesses of programs) {
    const start = code.length;
    for (const one of accesses) {
      records.push([code.length * 8, one.type, btf.strings.add(one.access), one.kind]);
      code.push(...instructions(random, one));
    }
    code.push(EXIT);
    starts.push({ start: start * 8, length: (code.length - start) * 8 });
  }
  const section = writer.code("sk_msg", assemble(true, code));
  for (const [index, { start, length }] of starts.entries())
    writer.symbol({ name: `program${index}`, section, value: start, size: length, type: FUNC });
  writer.section({ name: "license", data: new TextEncoder().encode("GPL\0") });
  const ext = btfExt(btf, { core: { sk_msg: records } });
  writer.section({ name: ".BTF", data: btf.build() });
  writer.section({ name: ".BTF.ext", data: ext });
  return writer.build();
}

const SIZES: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/** An instruction that carries the value, or a near miss. */
function instructions(random: Random, { value, size }: RandomAccess): Instruction[] {
  const written = random.chance(1) ? value + 1n : value;
  const bits = size === undefined ? undefined : SIZES[size];
  if (bits !== undefined && random.chance(60)) {
    const [op, more] = random.pick([
      [0x61, {}],
      [0x63, {}],
      [0x62, { imm: 5 }],
    ] as const);
    return [{ op: op | bits, dst: 1, off: Number(BigInt.asIntN(16, written)), ...more }];
  }
  const low = Number(BigInt.asIntN(32, written));
  if (BigInt(low) !== written || random.chance(20)) {
    const high = Number(BigInt.asIntN(32, written >> 32n));
    return [
      { op: 0x18, dst: 1, imm: low },
      { op: 0, imm: high },
    ];
  }
  return [{ op: random.pick([0xb7, 0x07, 0xb4]), dst: 1, imm: low }];
}
