// vm: no, it compares with bpftool
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { AttachType, Ebpf, GenericMap, MapFlags, MapInfo, MapType, ProgramInfo, ProgramType } from "skmsg";
import { ElfObject } from "skmsg/elf";
import { Memory, objGet, progLoad } from "skmsg/syscalls";
import { bpftoolText, ownBpffs, skipWithout } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { COMPILERS, fixture, fixtureBytes } from "../support/fixtures.ts";
import { type KernelMap, kernelMaps, kernelPrograms, loadByLibbpf, type Pinned } from "../support/libbpf.ts";

/** The fixtures that libbpf loads (README.md there), but for `core` and `types`, which come last here. */
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
] as const;

const skip = skipWithout("bpftool");
const bpffs = ownBpffs();
const folder = mkdtempSync(join(tmpdir(), "skmsg-libbpf-"));
after(() => rmSync(folder, { recursive: true }));

interface Sides {
  readonly bpf: Ebpf;
  readonly theirs: Pinned;
}

for (const compiler of COMPILERS) {
  describe(`the same as libbpf makes of it, ${compiler}`, { skip }, () => {
    for (const name of LOADED_BY_BOTH)
      it(name, (t) => {
        compare(t, load(fixture(name, compiler), `${compiler}-${name}`));
      });

    it("types, all but the program that does not load by itself", (t) => {
      // bpftool cannot pin a program that libbpf leaves unloaded. In this copy that one is no code.
      const path = join(folder, "types.o");
      writeFileSync(path, notCode(fixtureBytes("types", compiler), "?sk_msg"));
      compare(t, load(path, `${compiler}-types`));
    });

    it("core: libbpf applies its CO-RE relocations, and we refuse them", () => {
      loadByLibbpf(fixture("core", compiler), bpffs, `${compiler}-core`);
      using bpf = Ebpf.load(fixture("core", compiler));
      throwsCode(() => bpf.program("core").load(), "ERR_CORE_UNSUPPORTED", /"core" has \d+ CO-RE relocations/);
      assert.equal(bpf.program("core").isLoaded, false);
    });
  });
}

function load(path: string, label: string): Sides {
  const pinsByName = label.endsWith("pin-by-name");
  const theirs = loadByLibbpf(path, bpffs, label, pinsByName);
  const bpf = Ebpf.load(path, { pinPath: join(bpffs, label) });
  bpf.loadAll();
  return { bpf, theirs };
}

function compare(t: TestContext, { bpf, theirs }: Sides): void {
  using ours = bpf;
  const loaded = [...ours.programs.values()].filter((program) => program.isLoaded);
  assert.deepEqual(loaded.map(({ name }) => name).sort(), [...theirs.programs.keys()].sort());
  const pairs = loaded.map((program) => {
    const pin = theirs.programs.get(program.name) ?? assert.fail();
    return { program, pin, mine: program.info().id, other: ProgramInfo.fromPin(pin).id };
  });
  const mine = kernelPrograms(pairs.map((pair) => pair.mine));
  assert.deepEqual(mine, kernelPrograms(pairs.map((pair) => pair.other)));
  t.diagnostic(mine.map(({ name, tag, verifiedInstructions }) => `${name} ${tag} ${verifiedInstructions}`).join(", "));
  for (const pair of pairs) {
    assert.ok(pair.program.info().verifiedInstructions);
    assert.equal(listing(pair.mine), listing(pair.other), "translated instructions with their source lines");
    assertSameAttachType(pair.program.fd, pair.pin);
  }
  compareMaps(ours, theirs);
}

function compareMaps({ object, maps }: Ebpf, theirs: Pinned): void {
  const mine = kernelMaps([...maps.values()].map(({ id }) => id));
  const other = kernelMaps(theirs.maps.map((path) => MapInfo.fromPin(path).id));
  // libbpf 1.1 makes every data map mmapable. From 1.1.2 on it does, as we do, only where the section has a variable
  // that a skeleton would show: no BTF describes string literals, so there is none in `.rodata.str1.1`.
  const literals = object.maps.filter(({ name }) => name === ".rodata.str1.1").length;
  const known = mine.filter(({ name }) => name === ".rodata.str1.1");
  assert.equal(known.length, literals);
  const expected = mine.map((map) => (known.includes(map) ? { ...map, flags: map.flags | MapFlags.Mmapable } : map));
  assert.deepEqual(sorted(other), sorted(expected));
  for (const { flags } of known) assert.equal(flags, MapFlags.RdonlyProg);
}

function sorted(maps: readonly KernelMap[]): KernelMap[] {
  const key = ({ name, maxEntries }: KernelMap): string => `${name} ${maxEntries}`;
  return maps.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** What the verifier made of it, with source lines; ids of maps and addresses of maps are no part of it. */
function listing(id: number): string {
  return bpftoolText("prog", "dump", "xlated", "id", String(id), "linum").replace(/map\[id:\d+\]/g, "map[id]");
}

/** The kernel shows `expected_attach_type` nowhere, but from 6.18 on a program array takes only programs of one. */
function assertSameAttachType(fd: number, pin: string): void {
  if (!(isAttachTypeSeen ??= seesAttachType())) return;
  using array = programArray();
  using other = objGet(pin);
  array.set(0, other.fd).set(1, fd);
}

let isAttachTypeSeen: boolean | undefined;

function seesAttachType(): boolean {
  const insns = Memory.from(new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]));
  const attr = { prog_type: ProgramType.SkMsg, insn_cnt: 2, insns, license: Memory.cString("GPL") };
  using none = progLoad(attr).fd;
  using verdict = progLoad({ ...attr, expected_attach_type: AttachType.SkMsgVerdict }).fd;
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
