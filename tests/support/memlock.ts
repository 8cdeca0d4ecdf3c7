import { memoryLock, setMemoryLock } from "skmsg/syscalls";
import { skipWithoutRoot } from "./environment.ts";

/**
 * Raises RLIMIT_MEMLOCK as far as it goes. The object model does that by itself; the commands of `skmsg/syscalls` do not,
 * and kernels before 5.11 count maps, programs and BTF against it.
 */
export function raiseMemoryLock(): void {
  if (skipWithoutRoot) return;
  const infinite = Number.POSITIVE_INFINITY;
  try {
    setMemoryLock({ soft: infinite, hard: infinite });
  } catch {
    const { hard } = memoryLock();
    setMemoryLock({ soft: hard, hard });
  }
}
