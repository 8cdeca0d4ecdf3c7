import { readProc } from "../proc.ts";

/** A field of /proc/self/fdinfo as a number; undefined where the kernel does not print it. */
export function fdinfoNumber(fd: number, field: string): number | undefined {
  const value = new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(readProc(`/proc/self/fdinfo/${fd}`))?.[1];
  return value === undefined ? undefined : Number(value);
}
