import { readProc } from "../proc.ts";

/** Reads /proc/self/fdinfo. A field comes as a number, or undefined where the kernel does not print it. */
export function readFdinfo(fd: number): (field: string) => number | undefined {
  const text = readProc(`/proc/self/fdinfo/${fd}`);
  return (field) => {
    const name = `\n${field}:`;
    const at = text.indexOf(name);
    return at < 0 ? undefined : Number.parseInt(text.slice(at + name.length), 10);
  };
}
