import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Ebpf, SkmsgError } from "skmsg";
import { ElfObject } from "skmsg/elf";
import { inVm, ownBpffs, skipWithoutRoot } from "../support/environment.ts";
import { fixtureBytes } from "../support/fixtures.ts";
import { counts, settledAt } from "../support/leaks.ts";
import { mutant } from "../support/mutate.ts";
import { stopwatch } from "../support/stopwatch.ts";

const numRuns = inVm ? 30 : 400;
const MAX_MS = inVm ? 10_000 : 1000;

/** Its 8192 rounds take the verifier, twice, as long as a second by themselves. */
const SLOW = "verifier-long.o";

const SEEDS = readdirSync(new URL("../fixtures/clang-19", import.meta.url))
  .filter((name) => name.endsWith(".o") && name !== SLOW)
  .map((name) => fixtureBytes(name.slice(0, -2)));

/** Codes that lib/errors/README.md lists. */
const DOCUMENTED: ReadonlySet<string> = new Set(
  readFileSync(new URL("../../lib/errors/README.md", import.meta.url), "utf8").match(/(?<=^\| `)ERR_\w+/gm),
);

/** Maps of more than this are not asked of a machine that others use, too; bad-input tests ask for one larger than any memory. */
const MAX_MAP_BYTES = 64 * 2 ** 20;

function tooLarge(object: ElfObject): boolean {
  const sizes = object.maps.map(({ keySize, valueSize, maxEntries }) => (keySize + valueSize + 128) * maxEntries);
  return sizes.reduce((sum, size) => sum + size, 0) > MAX_MAP_BYTES;
}

describe("mutated objects on the real kernel", { skip: skipWithoutRoot }, () => {
  const pinPath = ownBpffs();

  it("load, or are refused with a documented error, at once, and leave nothing", async (t) => {
    assert.ok(DOCUMENTED.size > 40);
    const before = counts();
    const outcomes = new Map<string, number>();

    const load = (bytes: Uint8Array): string => {
      try {
        const object = ElfObject.parse(bytes);
        if (tooLarge(object)) return "too large to try";
        using bpf = Ebpf.load(object, { pinPath });
        bpf.loadAll();
        return "loaded";
      } catch (error) {
        assert.ok(
          error instanceof SkmsgError,
          `an undocumented error: ${error instanceof Error ? error.stack : error}`,
        );
        assert.ok(DOCUMENTED.has(error.code), `${error.code}: ${error.message}`);
        assert.ok(error.message.length > 20);
        return error.code;
      } finally {
        for (const name of readdirSync(pinPath)) if (!name.includes(".")) rmSync(`${pinPath}/${name}`);
      }
    };

    fc.assert(
      fc.property(mutant(SEEDS), (bytes) => {
        const elapsed = stopwatch();
        const outcome = load(bytes);
        const took = elapsed();
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        assert.ok(took < MAX_MS, `${outcome} took ${took.toFixed(0)} ms`);
      }),
      { numRuns },
    );
    t.diagnostic(JSON.stringify(Object.fromEntries([...outcomes].sort(([, a], [, b]) => b - a))));
    // The damage must be such that the kernel gets to see some of it.
    for (const outcome of ["loaded", "ERR_VERIFIER"]) assert.ok(inVm || outcomes.has(outcome), outcome);
    await settledAt(before);
  });
});
