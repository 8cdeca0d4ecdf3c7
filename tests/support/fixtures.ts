import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The compilers that every fixture is built by. */
export const COMPILERS = ["clang-14", "clang-16", "clang-19"] as const;
export type Compiler = (typeof COMPILERS)[number];

/** Path of a fixture, by default as the newest compiler made it. */
export function fixture(name: string, compiler: Compiler = "clang-19"): string {
  return fileURLToPath(new URL(`../fixtures/${compiler}/${name}.o`, import.meta.url));
}

/** Path of a file that is bad on purpose. */
export function badFixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/bad/${name}`, import.meta.url));
}

export function fixtureBytes(name: string, compiler?: Compiler): Uint8Array {
  return readFileSync(fixture(name, compiler));
}

/** Path of an object that ships with the examples. */
export function exampleObject(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}.bpf.o`, import.meta.url));
}
