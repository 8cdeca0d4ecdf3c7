import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { BtfError, Ebpf, ElfError, type ObjectSource, RelocationError, SkmsgError } from "skmsg";
import { ElfObject } from "skmsg/elf";
import { inVm, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { badFixture, fixture, fixtureBytes } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;
const folder = mkdtempSync(join(tmpdir(), "skmsg-bad-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string | Uint8Array = ""): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

/** Not what the types allow, and what JavaScript passes all the same. */
const untyped = (value: unknown): ObjectSource => value as ObjectSource;

const SOURCES: readonly (readonly [string, ObjectSource, string, RegExp])[] = [
  ["no file", join(folder, "none.o"), "ERR_NO_SUCH_FILE", /There is no file ".*none\.o"\. Paths are relative to \//],
  ["a relative path to nothing", "none.o", "ERR_NO_SUCH_FILE", /"none\.o"/],
  ["a URL to nothing", pathToFileURL(join(folder, "none.o")), "ERR_NO_SUCH_FILE", /none\.o/],
  ["a file below a file", join(file("plain"), "x.o"), "ERR_READ_FILE", /Cannot read ".*x\.o": ENOTDIR/],
  ["a folder", folder, "ERR_NOT_A_FILE", /is a folder, and an object file is wanted/],
  ["an empty path", "", "ERR_NO_SUCH_FILE", /""/],
  ["a path with NUL", "a\0b.o", "ERR_READ_FILE", /Cannot read "a\\u0000b\.o"/],
  ["a URL of another kind", new URL("https://example.org/a.o"), "ERR_INVALID_SOURCE", /https:\/\/example\.org\/a\.o/],
  ["a file: URL with a host", "file://example.org/a.o", "ERR_INVALID_SOURCE", /file:\/\/example\.org\/a\.o/],
  ["an empty file", file("empty.o"), "ERR_NOT_ELF", /empty/i],
  ["no bytes", new Uint8Array(), "ERR_NOT_ELF", /empty/i],
  ["a text file", badFixture("text.txt"), "ERR_NOT_ELF", /text/i],
  ["ELF of x86", badFixture("x86.o"), "ERR_ELF_MACHINE", /x86/i],
  ["ELF of 32 bits", badFixture("elf32.o"), "ERR_ELF_CLASS", /32/],
  ["BPF of the other byte order", badFixture("big-endian.o"), "ERR_BYTE_ORDER", /big-endian.*-target bpfel/],
  ["a number", untyped(42), "ERR_INVALID_SOURCE", /not as number/],
  ["null", untyped(null), "ERR_INVALID_SOURCE", /path, a file: URL, a Uint8Array or an ElfObject/],
  ["nothing", untyped(undefined), "ERR_INVALID_SOURCE", /not as undefined/],
  ["an ArrayBuffer", untyped(new ArrayBuffer(8)), "ERR_INVALID_SOURCE", /Uint8Array/],
];

for (const [what, source, code, message] of SOURCES)
  test(`Ebpf.load of ${what}: ${code}`, { skip }, () =>
    leavesNothing(() => {
      const error = throwsCode(() => Ebpf.load(source), code, message);
      assert.ok(error instanceof ElfError);
    }),
  );

/** Loads bytes that are not sound: an error of the documented kinds, or an object that is closed at once. */
function loadAnyhow(bytes: Uint8Array): SkmsgError | undefined {
  try {
    using bpf = Ebpf.load(bytes);
    bpf.loadAll();
  } catch (error) {
    assert.ok(error instanceof SkmsgError, `an undocumented error: ${error instanceof Error ? error.stack : error}`);
    return error;
  }
  return undefined;
}

for (const name of ["pass", "globals", "subprogs", "legacy-maps"])
  test(`${name} cut off after each 64 bytes is refused`, { skip }, () =>
    leavesNothing(() => {
      const bytes = fixtureBytes(name);
      for (let length = 0; length < bytes.length; length += 64) {
        const error = loadAnyhow(bytes.subarray(0, length));
        assert.ok(error instanceof ElfError || error instanceof BtfError || error instanceof RelocationError);
        assert.match(error.code, length < 20 ? /^ERR_NOT_ELF$/ : /^ERR_ELF_MALFORMED$/, `${length} bytes`);
        assert.match(error.message, /\w+ .*\.$/, "a sentence");
      }
    }),
  );

/** Offsets of the ELF64 header and of a section header. */
const E_SHOFF = 0x28;
const E_SHNUM = 0x3c;
const SECTION_HEADER = 64;
const SH_TYPE = 0x04;
const SHT_NULL = 0;
const SHT_NOBITS = 8;
const SH_LINK = 0x28;
const SH_INFO = 0x2c;
const SH_OFFSET = 0x18;
const SH_SIZE = 0x20;

test("each section header with an offset, a size or a link to nowhere", { skip }, () =>
  leavesNothing(() => {
    const good = fixtureBytes("globals");
    const header = new DataView(good.buffer, good.byteOffset, good.byteLength);
    const table = Number(header.getBigUint64(E_SHOFF, true));
    for (let index = 0; index < header.getUint16(E_SHNUM, true); index++) {
      const at = table + index * SECTION_HEADER;
      const damaged = (damage: (view: DataView) => void): SkmsgError | undefined => {
        const bytes = new Uint8Array(good);
        damage(new DataView(bytes.buffer));
        return loadAnyhow(bytes);
      };
      const type = header.getUint32(at + SH_TYPE, true);
      const errors = [
        damaged((view) => view.setBigUint64(at + SH_OFFSET, BigInt(good.length + 1), true)),
        damaged((view) => view.setBigUint64(at + SH_OFFSET, 2n ** 64n - 1n, true)),
        damaged((view) => view.setBigUint64(at + SH_SIZE, 2n ** 63n, true)),
      ];
      if (type !== SHT_NULL && type !== SHT_NOBITS)
        for (const error of errors) assert.equal(error?.code, "ERR_ELF_MALFORMED", `section ${index}`);
      // To itself, and past the last.
      for (const field of [SH_LINK, SH_INFO])
        for (const value of [index, 0xffff, 0xffff_ffff]) damaged((view) => view.setUint32(at + field, value, true));
    }
  }),
);

test("single bytes of an object changed: a documented error or an object, and nothing left", { skip }, () =>
  leavesNothing(() => {
    const good = fixtureBytes("counter");
    const step = inVm ? 97 : 7;
    for (let at = 0; at < good.length; at += step) {
      const bytes = new Uint8Array(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      loadAnyhow(bytes);
    }
  }),
);

test("an object whose file is gone by now can still be loaded", { skip }, () =>
  leavesNothing(() => {
    const path = file("copy.o", fixtureBytes("pass"));
    const bpf = Ebpf.load(path);
    rmSync(path);
    bpf.loadAll();
    bpf.close();
    // And one object as often as wanted.
    const object = ElfObject.parse(fixtureBytes("pass"));
    for (const _ of [1, 2]) Ebpf.load(object).close();
    using _same = Ebpf.load(pathToFileURL(fixture("pass")).href);
  }),
);
