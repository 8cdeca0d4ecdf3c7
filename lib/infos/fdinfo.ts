import { readFileSync } from "node:fs";

/** A field of /proc/self/fdinfo as a number; undefined where the kernel does not print it. */
export function fdinfoNumber(fd: number, field: string): number | undefined {
  const value = new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
  return value === undefined ? undefined : Number(value);
}
