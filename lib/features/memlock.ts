import { ENOMEM, EPERM, memoryLock, SyscallError, setMemoryLock } from "../../syscalls/index.ts";
import { missingCapabilities } from "../errors/privilege.ts";
import { countsMemoryLock } from "./probes.ts";

let raised = false;

/**
 * Kernels before 5.11 count maps and programs against RLIMIT_MEMLOCK, and say EPERM (or ENOMEM) where it is too low.
 * After such an answer, and only on such a kernel, the limit is raised once for the process.
 * @returns true where it was raised now, so that trying again makes sense.
 */
export function raiseMemoryLock(error: unknown): boolean {
  if (raised || !(error instanceof SyscallError) || (error.errno !== EPERM && error.errno !== ENOMEM)) return false;
  // Then that is what EPERM means, and the probe below would not be let in either.
  if (missingCapabilities(["CAP_BPF"]).length > 0) return false;
  try {
    if (!countsMemoryLock()) return false;
  } catch {
    // With no room for the probe itself the limit is what is in the way.
  }
  const infinite = Number.POSITIVE_INFINITY;
  for (const limit of [{ soft: infinite, hard: infinite }, hardLimit()]) {
    try {
      setMemoryLock(limit);
      raised = true;
      return true;
    } catch {
      // Without CAP_SYS_RESOURCE only the soft limit can rise, up to the hard one.
    }
  }
  return false;
}

function hardLimit(): { soft: number; hard: number } {
  const { hard } = memoryLock();
  return { soft: hard, hard };
}

/** A call that may need RLIMIT_MEMLOCK raised: tried again once if it was. */
export function withMemoryLock<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!raiseMemoryLock(error)) throw error;
    return action();
  }
}
