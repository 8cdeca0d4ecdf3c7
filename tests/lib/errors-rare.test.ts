/** Refusals that no other test provokes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  ArrayMap,
  Ebpf,
  GenericMap,
  Link,
  LinkError,
  MapError,
  MapType,
  PinError,
  ProgramError,
  ProgramType,
} from "skmsg";
import { ElfObject } from "skmsg/elf";
import { Memory, mountBpffs, progLoad, rawTracepointOpen, unmountBpffs } from "skmsg/syscalls";
import { assemble, EXIT, NOP } from "../elf/elf-writer.ts";
import { ownBpffs, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture, fixtureBytes } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;
const bpffs = ownBpffs();

test("a program of a million instructions and one", { skip }, () =>
  leavesNothing(() => {
    const object = ElfObject.parse(fixtureBytes("no-btf"));
    const [spec] = object.programs;
    assert.ok(spec);
    const million = new Uint8Array(8 * 1_000_001);
    const [nop, exit] = [assemble(true, [NOP]), assemble(true, [EXIT])];
    for (let at = 0; at < million.length; at += 8) million.set(nop, at);
    million.set(exit, million.length - 8);
    // Specs are plain data, to be edited.
    Reflect.set(spec, "instructions", million);
    using bpf = Ebpf.load(object);
    const error = throwsCode(
      () => bpf.loadAll(),
      "ERR_PROGRAM_TOO_LARGE",
      /E2BIG.*more instructions than the kernel takes/,
    );
    assert.ok(error instanceof ProgramError);
  }),
);

test("an element that the map's type refuses for a reason of its own", { skip }, () =>
  leavesNothing(() => {
    using cpus = GenericMap.create(MapType.CpuMap, { maxEntries: 1 });
    // A queue may have 16384 packets.
    const error = throwsCode(
      () => cpus.set(0, 20_000),
      "ERR_MAP",
      /^Cannot write the CpuMap map "": .*EOVERFLOW to \w+\.$/,
    );
    assert.ok(error instanceof MapError);
    using events = GenericMap.create(MapType.PerfEventArray, { maxEntries: 1 });
    throwsCode(() => events.get(0), "ERR_NOT_SUPPORTED", /ENOTSUPP.*does not know this operation/);
  }),
);

test("a link that the kernel cannot detach keeps its fd", { skip }, () =>
  leavesNothing(() => {
    using program = progLoad({
      prog_type: ProgramType.RawTracepoint,
      insns: Memory.from(assemble(true, [NOP, EXIT])),
      insn_cnt: 2,
      license: Memory.cString("GPL"),
    }).fd;
    using link = new Link(rawTracepointOpen(program.fd, "sys_enter"));
    const error = throwsCode(
      () => link.detach(),
      "ERR_LINK",
      /^Cannot detach the link: .*EOPNOTSUPP to BPF_LINK_DETACH/,
    );
    assert.ok(error instanceof LinkError);
    assert.equal(link.closed, false);
    assert.ok(link.id > 0);
  }),
);

test("a test run without room for what the program leaves", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("types"));
    const program = bpf.program("socket_filter");
    program.load();
    const data = new Uint8Array(64);
    throwsCode(() => program.testRun({ data, dataOutSize: 8 }), "ERR_INVALID_INPUT", /ENOSPC.*raise dataOutSize/);
    assert.equal(program.testRun({ data, dataOutSize: 64 }).data.length, 64);
  }),
);

test("a pin in a file system that is mounted read-only", { skip }, () =>
  leavesNothing(() => {
    const folder = join(bpffs, "readonly");
    mkdirSync(folder);
    mountBpffs(folder);
    try {
      const { status, stderr } = spawnSync("mount", ["-o", "remount,ro", folder], { encoding: "utf8" });
      assert.equal(status, 0, stderr);
      using map = ArrayMap.create({ maxEntries: 1 });
      const error = throwsCode(() => map.pin(join(folder, "map")), "ERR_PIN", /^Cannot pin .*EROFS to BPF_OBJ_PIN\.$/);
      assert.ok(error instanceof PinError);
    } finally {
      unmountBpffs(folder);
    }
  }),
);
