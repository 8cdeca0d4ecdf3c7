// vm: no, it needs a compiler and libbpf-dev
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Btf, CoreRelocator, ElfObject, RelocationError } from "skmsg/elf";
import { oracle } from "./oracle.ts";
import { type Pair, randomPair } from "./pair.ts";

/** SKMSG_CORE_PAIRS and SKMSG_CORE_SEED ask for more, or for others. */
const PAIRS = Number(process.env.SKMSG_CORE_PAIRS ?? 2000);
const FIRST_SEED = Number(process.env.SKMSG_CORE_SEED ?? 1);
const BATCH = 250;

const libbpf = oracle("core");

describe("CO-RE as libbpf does it", { skip: libbpf.skip }, () => {
  it(`in ${PAIRS} random pairs of an object's and a kernel's types`, (t) => {
    const counts = new Map<string, number>();
    const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + PAIRS; seed += BATCH) {
      const pairs = Array.from({ length: Math.min(BATCH, FIRST_SEED + PAIRS - seed) }, (_, index) =>
        randomPair(seed + index),
      );
      const answers = libbpf.ask(pairs.map((pair, index) => write(pair, index)));
      for (const [index, pair] of pairs.entries()) {
        const ours = apply(pair);
        assert.equal(ours, answers[index]?.trim(), `seed ${seed + index}`);
        count(
          ours === "refused" ? "refused" : ours.includes("1023ad0b") ? "with poisoned instructions" : "applied in full",
        );
      }
    }
    t.diagnostic([...counts].map(([what, number]) => `${number} ${what}`).join(", "));
    // None of the three is an exception.
    for (const number of counts.values()) assert.ok(number > PAIRS / 50);
  });
});

/** Writes a pair where the oracle finds it, and gives the line for it. */
function write({ object, target }: Pair, index: number): string {
  const paths = [join(libbpf.folder, `${index}.o`), join(libbpf.folder, `${index}.btf`)] as const;
  writeFileSync(paths[0], object);
  writeFileSync(paths[1], target);
  return paths.join(" ");
}

/** What we make of it, as the oracle writes it. */
function apply({ object, target }: Pair): string {
  const { programs, btf } = ElfObject.parse(object);
  assert.ok(btf);
  const kernel = Btf.parse(target);
  const relocator = new CoreRelocator(programs, btf, { kernel: () => kernel });
  try {
    return programs
      .map((program) => `${program.name}=${Buffer.from(relocator.apply(program).instructions).toString("hex")}`)
      .join(" ");
  } catch (error) {
    assert.ok(error instanceof RelocationError && error.code.startsWith("ERR_CORE_"), String(error));
    return "refused";
  }
}
