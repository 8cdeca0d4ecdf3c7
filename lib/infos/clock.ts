import { readProc } from "../proc.ts";

/** A time in nanoseconds since boot (CLOCK_BOOTTIME), as a Date; exact to the 10 ms of /proc/uptime. */
export function sinceBoot(nanoseconds: bigint): Date {
  const uptime = Number.parseFloat(readProc("/proc/uptime")) * 1000;
  return new Date(Math.round(Date.now() - uptime + Number(nanoseconds / 1_000_000n)));
}
