import { closeSync, openSync, readdirSync } from "node:fs";
import koffi from "koffi";

/** include/uapi/asm-generic/resource.h */
const RLIMIT_NOFILE = 7;

const libc = koffi.load(null);
const getrlimit = libc.func("int getrlimit(int resource, _Out_ uint64_t *limit)");
const setrlimit = libc.func("int setrlimit(int resource, uint64_t *limit)");

/**
 * Runs `action` with room for exactly `count` more fds, so that the one after fails with EMFILE.
 * It must be over when it returns: the limit is the whole process's.
 */
export function withFreeFds<T>(count: number, action: () => T): T {
  const before = new BigUint64Array(2);
  if (getrlimit(RLIMIT_NOFILE, before) !== 0) throw new Error("getrlimit failed");
  const [soft = 0n, hard = 0n] = before;
  const fillers: number[] = [];
  // The one that reads the folder is among them, and gone afterwards.
  const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
  try {
    do fillers.push(openSync("/dev/null", "r"));
    while (Math.max(...fillers) < highest + count);
    setLimit(BigInt(Math.max(...fillers) + 1), hard);
    for (const fd of fillers.splice(fillers.length - count)) closeSync(fd);
    return action();
  } finally {
    setLimit(soft, hard);
    for (const fd of fillers) closeSync(fd);
  }
}

function setLimit(soft: bigint, hard: bigint): void {
  if (setrlimit(RLIMIT_NOFILE, new BigUint64Array([soft, hard])) !== 0) throw new Error("setrlimit failed");
}
