import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { BtfError, ElfError, ElfObject, type ProgramSpec, RelocationError } from "../../elf/index.ts";
import { assemble, ElfWriter, EXIT, FUNC, NOP } from "./elf-writer.ts";

export const COMPILERS: readonly string[] = ["clang-14", "clang-16", "clang-19"];

export function fixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));
}

/** The program of that name; the test fails if there is none. */
export function programOf(object: ElfObject, name: string): ProgramSpec {
  const program = object.programs.find((candidate) => candidate.name === name);
  assert.ok(program, `program ${name} among ${object.programs.map((candidate) => candidate.name).join(", ")}`);
  return program;
}

/** Runs, and gives the error, which must be one of the documented ones with this code. */
export function refused(run: () => unknown, code: string): ElfError | BtfError | RelocationError {
  try {
    run();
  } catch (error) {
    assert.ok(
      error instanceof ElfError || error instanceof BtfError || error instanceof RelocationError,
      `an undocumented error: ${String(error)}`,
    );
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`${code} was expected, and nothing was thrown`);
}

/** The error with which parsing these bytes is refused. */
export function refusedObject(bytes: Uint8Array, code: string): ElfError | BtfError | RelocationError {
  return refused(() => ElfObject.parse(bytes), code);
}

/** An object with one sk_msg program of two instructions; `add` puts more into it. */
export function smallObject(littleEndian = true, add: (writer: ElfWriter) => void = () => {}): ElfWriter {
  const writer = new ElfWriter(littleEndian);
  const section = writer.code("sk_msg", assemble(littleEndian, [NOP, EXIT]));
  writer.symbol({ name: "main", section, size: 16, type: FUNC });
  add(writer);
  return writer;
}
