/**
 * Bytes that a map operation leaves behind, as one line of JSON, of a process with `--expose-gc` and room for all of it:
 * `{ heap, external, collections }`, the first two per operation. Arguments: `u32` or `u64`, the kind of value.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { ArrayMap, type Codec, u32, u64 } from "skmsg";

const ENTRIES = 1024;
const OPERATIONS = 1_000_000;

/** One `get` and one `set` for each two operations. */
function operate<V>(map: ArrayMap<V>, value: V, operations: number): void {
  for (let i = 0; i < operations; i += 2) {
    map.set(i % ENTRIES, value);
    if (map.get(i % ENTRIES) === undefined) throw new Error("an entry is not there");
  }
}

async function measure<V>(codec: Codec<V>, value: V): Promise<void> {
  const map = ArrayMap.create({ value: codec, maxEntries: ENTRIES });
  // Long enough to be compiled as it will be.
  operate(map, value, OPERATIONS);
  if (globalThis.gc === undefined) throw new Error("needs --expose-gc");
  globalThis.gc();
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ["gc"] });
  const before = process.memoryUsage();
  operate(map, value, OPERATIONS);
  const after = process.memoryUsage();
  await setTimeout(50);
  observer.disconnect();
  map.close();
  console.log(
    JSON.stringify({
      heap: (after.heapUsed - before.heapUsed) / OPERATIONS,
      external: (after.external - before.external) / OPERATIONS,
      collections,
    }),
  );
}

if (process.argv[2] === "u64") await measure(u64, 1n << 63n);
else await measure(u32, 0xffff_ffff);
