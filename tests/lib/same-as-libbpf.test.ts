// vm: no, it compares with bpftool
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { AttachType, Ebpf, GenericMap, MapFlags, MapType, ProgramInfo, ProgramType } from "skmsg";
import { ElfObject } from "skmsg/elf";
import { progInfoArray, progLoad } from "skmsg/syscalls";
import { bpftoolText, ownBpffs, skipWithout } from "../support/environment.ts";
import { COMPILERS, fixture, fixtureBytes } from "../support/fixtures.ts";
import { loadAttr, returning } from "../support/instructions.ts";
import { type KernelMap, kernelMaps, kernelPrograms, type Libbpf, loadByLibbpf } from "../support/libbpf.ts";

/** The fixtures that libbpf loads (README.md there), but for `types`, which comes last here. */
const LOADED_BY_BOTH = [
  "pass",
  "several",
  "subprogs",
  "globals",
  "strings",
  "counter",
  "traffic",
  "sockmap-attrs",
  "sockmap-array",
  "hash-array",
  "pin-by-name",
  "many-maps",
  "long-names",
  "no-btf",
  "no-license",
  "core",
  "core-bitfields",
  "core-enums",
  "core-fields",
  "core-flavours",
  "core-resized",
  "core-subprogs",
  "core-types",
] as const;

const skip = skipWithout("bpftool");
const bpffs = ownBpffs();
const folder = mkdtempSync(join(tmpdir(), "skmsg-libbpf-"));
after(() => rmSync(folder, { recursive: true }));

for (const compiler of COMPILERS) {
  describe(`the same as libbpf makes of it, ${compiler}`, { skip }, () => {
    const pins = join(bpffs, compiler);

    for (const name of LOADED_BY_BOTH) it(name, (t) => compare(t, fixture(name, compiler), `${pins}-${name}`));

    it("types, all but the program that does not load by itself", (t) => {
      // bpftool cannot pin a program that libbpf leaves unloaded. In this copy that one is no code.
      const path = join(folder, "types.o");
      writeFileSync(path, notCode(fixtureBytes("types", compiler), "?sk_msg"));
      compare(t, path, `${pins}-types`);
    });
  });
}

it("bpftool shows the source lines of a program that we loaded", { skip }, () => {
  using bpf = Ebpf.load(fixture("subprogs"));
  bpf.loadAll();
  const { id } = bpf.program("entry_two").info();
  const lines = bpftoolText("prog", "dump", "xlated", "id", String(id), "linum");
  // Lines of the program, of a static and of a global subprogram, each under its function.
  assert.match(lines, /entry_two\(.*\):\n; .*\[file:\S*subprogs\.bpf\.c line_num:\d+ line_col:\d+\]/);
  assert.match(lines, /deep_c\(.*\):\n(.*\n)*?; return x \+ 3; \[file/);
  assert.match(lines, /global_e\(.*\):\n(.*\n)*?; return x \+ 1000; \[file/);
});

function compare(t: TestContext, object: string, pins: string): void {
  const theirs = loadByLibbpf(object, pins);
  mkdirSync(join(pins, "ours"));
  using ours = Ebpf.load(object, { pinPath: join(pins, "ours") });
  ours.loadAll();
  const loaded = [...ours.programs.values()].filter((program) => program.isLoaded);
  assert.deepEqual(loaded.map(({ name }) => name).sort(), [...theirs.programs.keys()].sort());
  const pairs = loaded.map((program) => {
    const pin = theirs.programs.get(program.name) ?? assert.fail();
    return { mine: program.info(), other: ProgramInfo.fromPin(pin) };
  });
  const kernels = kernelPrograms(pairs.map(({ mine }) => mine.id));
  t.diagnostic(
    kernels.map(({ name, tag, verifiedInstructions }) => `${name} ${tag} ${verifiedInstructions}`).join(", "),
  );
  assert.deepEqual(kernels, kernelPrograms(pairs.map(({ other }) => other.id)));
  for (const { mine, other } of pairs) {
    assert.deepEqual(code(mine), code(other));
    assertSameAttachType(mine, other);
  }
  compareMaps(ours, theirs);
}

/** What the verifier made of a program, and what the kernel knows of its source. */
function code(info: ProgramInfo): object {
  using fd = info.fd();
  return {
    instructions: withoutIds(info.insns()),
    functions: progInfoArray(fd.fd, "func_info"),
    lines: progInfoArray(fd.fd, "line_info"),
  };
}

/** The kernel shows the maps in `ldimm64` by their ids. */
function withoutIds(instructions: Uint8Array): Uint8Array {
  const copy = instructions.slice();
  for (let at = 0; at < copy.length; at += 8)
    if (copy[at] === 0x18 && ((copy[at + 1] ?? 0) & 0xf0) !== 0) copy.fill(0, at + 4, at + 8);
  return copy;
}

function compareMaps({ object, maps }: Ebpf, theirs: Libbpf): void {
  const mine = kernelMaps([...maps.values()].map(({ id }) => id));
  // libbpf 1.1 makes every data map mmapable. From 1.1.2 on it does, as we do, only where the section has a variable
  // that a skeleton would show: no BTF describes string literals, so there is none in `.rodata.str1.1`.
  const literals = mine.filter(({ name }) => name === ".rodata.str1.1");
  assert.equal(literals.length, object.maps.filter(({ name }) => name === ".rodata.str1.1").length);
  for (const { flags } of literals) assert.equal(flags, MapFlags.RdonlyProg);
  const expected = mine.map((map) => (literals.includes(map) ? { ...map, flags: map.flags | MapFlags.Mmapable } : map));
  assert.deepEqual(sorted(kernelMaps(theirs.maps)), sorted(expected));
}

function sorted(maps: readonly KernelMap[]): KernelMap[] {
  const key = ({ name, maxEntries }: KernelMap): string => `${name} ${maxEntries}`;
  return maps.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The kernel tells `expected_attach_type` nowhere; but from 6.18 on a program array takes programs of one only. */
function assertSameAttachType(mine: ProgramInfo, other: ProgramInfo): void {
  if (!seesAttachType()) return;
  using array = programArray();
  for (const [index, info] of [mine, other].entries()) {
    using fd = info.fd();
    array.set(index, fd.fd);
  }
}

let isAttachTypeSeen: boolean | undefined;

function seesAttachType(): boolean {
  isAttachTypeSeen ??= probeAttachType();
  return isAttachTypeSeen;
}

function probeAttachType(): boolean {
  using none = progLoad(loadAttr(ProgramType.SkMsg, returning(1))).fd;
  const type = { expected_attach_type: AttachType.SkMsgVerdict };
  using verdict = progLoad(loadAttr(ProgramType.SkMsg, returning(1), type)).fd;
  using array = programArray();
  array.set(0, none.fd);
  try {
    array.set(1, verdict.fd);
    return false;
  } catch {
    return true;
  }
}

function programArray(): GenericMap<number, number> {
  return GenericMap.create<number, number>(MapType.ProgArray, { maxEntries: 2 });
}

/** The object without the executable bit of a section, so that nobody takes it for programs (ELF64, little endian). */
function notCode(bytes: Uint8Array, section: string): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
  const index = ElfObject.parse(copy).sections.findIndex(({ name }) => name === section);
  const header = Number(view.getBigUint64(0x28, true)) + index * view.getUint16(0x3a, true);
  const SHF_EXECINSTR = 4n;
  view.setBigUint64(header + 8, view.getBigUint64(header + 8, true) & ~SHF_EXECINSTR, true);
  return copy;
}
