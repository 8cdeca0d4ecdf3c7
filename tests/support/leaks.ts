import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { getNextId, type IdKind } from "skmsg/syscalls";

/** Open fds of this process. */
export function countFds(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Objects of a kind in the kernel. */
export function countObjects(kind: IdKind): number {
  let count = 0;
  for (let id = getNextId(kind, 0); id !== undefined; id = getNextId(kind, id)) count++;
  return count;
}

export interface Counts {
  readonly fds: number;
  readonly programs: number;
  readonly maps: number;
  readonly links: number;
}

export function counts(): Counts {
  return { fds: countFds(), programs: countObjects("prog"), maps: countObjects("map"), links: countObjects("link") };
}

/** Waits until a condition holds, asking every few milliseconds; throws with its description after the time is over. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await delay(5);
  }
}

/** Waits until nothing more is open or loaded than before: the kernel frees programs and maps some time after the last reference. */
export async function settledAt(before: Counts, timeoutMs = 20_000): Promise<void> {
  const names = ["fds", "programs", "maps", "links"] as const;
  let now = counts();
  try {
    await waitFor(
      "leak",
      () => {
        now = counts();
        return names.every((name) => now[name] <= before[name]);
      },
      timeoutMs,
    );
  } catch {
    throw new Error(`leaked: before ${JSON.stringify(before)}, now ${JSON.stringify(now)}`);
  }
}
