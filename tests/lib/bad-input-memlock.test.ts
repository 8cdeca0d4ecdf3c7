import assert from "node:assert/strict";
import { test } from "node:test";
import { Child } from "../support/children.ts";
import { kernel, skipWithoutRoot } from "../support/environment.ts";
import { leavesNothing } from "../support/leaks.ts";
import type { Memlock } from "./children/memlock.ts";

const counted = kernel < 511;

async function withLimitZero(...args: string[]): Promise<Memlock> {
  return await leavesNothing(async () => {
    await using child = new Child(new URL("./children/memlock.ts", import.meta.url), ...args);
    const result: Memlock = await child.says();
    await child.end("exit");
    return result;
  });
}

test("a memlock limit of 0 that may not be raised: ERR_MEMLOCK", {
  skip: skipWithoutRoot || (!counted && "kernels from 5.11 on do not count BPF memory against RLIMIT_MEMLOCK"),
}, async () => {
  const { map, program, both, soft } = await withLimitZero("drop");
  assert.match(
    map,
    /^ERR_MEMLOCK EPERM Cannot create the Hash map .*RLIMIT_MEMLOCK.*ulimit -l unlimited.*CAP_SYS_RESOURCE/,
  );
  assert.match(program, /^ERR_MEMLOCK EPERM Cannot load the program .*RLIMIT_MEMLOCK.*ulimit -l unlimited/);
  assert.match(both, /^ERR_MEMLOCK EPERM Cannot create the \w+ map .*RLIMIT_MEMLOCK/);
  assert.equal(soft, 0);
});

test("a memlock limit of 0 that may be raised is raised once, and all works", {
  skip: skipWithoutRoot || (!counted && "kernels from 5.11 on do not count BPF memory against RLIMIT_MEMLOCK"),
}, async () => {
  assert.deepEqual(await withLimitZero(), { map: "ok", program: "ok", both: "ok", soft: null });
});

test("where the kernel does not count it, a memlock limit of 0 is no obstacle and stays", {
  skip: skipWithoutRoot || (counted && "kernels before 5.11 count BPF memory against RLIMIT_MEMLOCK"),
}, async () => {
  for (const args of [[], ["drop"]])
    assert.deepEqual(await withLimitZero(...args), { map: "ok", program: "ok", both: "ok", soft: 0 });
});
