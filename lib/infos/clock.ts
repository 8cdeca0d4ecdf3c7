import { readFileSync } from "node:fs";

/** A time in nanoseconds since boot (CLOCK_BOOTTIME), as a Date; exact to the 10 ms of /proc/uptime. */
export function sinceBoot(nanoseconds: bigint): Date {
  const uptime = Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1000;
  return new Date(Math.round(Date.now() - uptime + Number(nanoseconds / 1_000_000n)));
}
