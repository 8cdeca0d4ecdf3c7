import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { getNextId, type IdKind } from "skmsg/syscalls";

/** Open fds of this process. */
export function countFds(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Ids of the objects of a kind in the kernel. */
export function objectIds(kind: IdKind): Set<number> {
  const ids = new Set<number>();
  for (let id = getNextId(kind, 0); id !== undefined; id = getNextId(kind, id)) ids.add(id);
  return ids;
}

/** Objects of a kind in the kernel. */
export function countObjects(kind: IdKind): number {
  return objectIds(kind).size;
}

export interface Counts {
  readonly fds: number;
  /** What is there now: the kernel may still be freeing some of it. */
  readonly ids: Readonly<Record<IdKind, ReadonlySet<number>>>;
}

export function counts(): Counts {
  return {
    fds: countFds(),
    ids: { prog: objectIds("prog"), map: objectIds("map"), link: objectIds("link"), btf: objectIds("btf") },
  };
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

/**
 * Waits until nothing is open or loaded that was not before: the kernel frees programs and maps some time after the
 * last reference. Ids are not used again soon, so that what vanished meanwhile makes no room for a leak.
 */
export async function settledAt(before: Counts, timeoutMs = 20_000): Promise<void> {
  const kinds = ["prog", "map", "link", "btf"] as const;
  let leaked = "";
  const settled = (): boolean => {
    const now = counts();
    const left = kinds.flatMap((kind) =>
      [...now.ids[kind]].filter((id) => !before.ids[kind].has(id)).map((id) => `${kind} ${id}`),
    );
    if (now.fds > before.fds) left.push(`${now.fds - before.fds} fds`);
    leaked = left.join(", ");
    return left.length === 0;
  };
  await waitFor("leak", settled, timeoutMs).catch(() => {
    throw new Error(`leaked: ${leaked}`);
  });
}

/** Runs something that is to leave no fd open and nothing in the kernel. */
export async function leavesNothing<T>(action: () => T | Promise<T>): Promise<T> {
  const before = counts();
  const result = await action();
  await settledAt(before);
  return result;
}
