import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ElfObject } from "skmsg/elf";
import {
  btfBytes,
  btfInfo,
  btfLoad,
  getFdById,
  getNextId,
  type IdKind,
  littleEndian,
  MapElements,
  MapType,
  Memory,
  mapCreate,
  mapInfo,
  type OwnedFd,
  objectKind,
  objGet,
  objPin,
  ProgramType,
  progInfo,
  progInfoArray,
  SyscallError,
} from "skmsg/syscalls";
import { ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { fixtureBytes } from "../support/fixtures.ts";
import { loadInstructions, openRawTracepoint, returning, socketFilter } from "../support/instructions.ts";
import { raiseMemoryLock } from "../support/memlock.ts";

const array = (): OwnedFd => mapCreate({ map_type: MapType.Array, key_size: 4, value_size: 4, max_entries: 1 });

/** The types of a fixture. */
const types = (): Uint8Array =>
  ElfObject.parse(fixtureBytes("hash-array")).btfForKernel() ?? assert.fail("it has types");

const RDONLY = 8;

raiseMemoryLock();

describe("object commands", { skip: skipWithoutRoot }, () => {
  const bpffs = ownBpffs();

  it("BPF_OBJ_PIN and BPF_OBJ_GET: the same object comes back", () => {
    const path = join(bpffs, "pinned");
    using map = array();
    objPin(map.fd, path);
    using again = objGet(path);
    assert.notEqual(again.fd, map.fd);
    assert.equal(mapInfo(again.fd).u32("id"), mapInfo(map.fd).u32("id"));
    rmSync(path);
    assert.throws(() => objGet(path), { command: "BPF_OBJ_GET", errnoName: "ENOENT" });
  });

  it("BPF_OBJ_GET read-only: such an fd does not write", () => {
    const path = join(bpffs, "readonly");
    using map = array();
    objPin(map.fd, path);
    using reader = objGet(path, RDONLY);
    const elements = new MapElements(reader.fd, 4, 4);
    assert.equal(elements.lookup(), 0);
    assert.equal(elements.update(0), -1, "EPERM");
    rmSync(path);
  });

  it("BPF_OBJ_PIN refused: taken, a dot, not bpffs, not open", () => {
    const path = join(bpffs, "taken");
    using map = array();
    objPin(map.fd, path);
    const refused = (fd: number, at: string, errnoName: string): void =>
      assert.throws(() => objPin(fd, at), { command: "BPF_OBJ_PIN", errnoName });
    refused(map.fd, path, "EEXIST");
    refused(map.fd, join(bpffs, "a.dot"), "EPERM");
    refused(map.fd, "/tmp/skmsg-not-bpffs", "EPERM");
    refused(9999, join(bpffs, "none"), "EINVAL");
    rmSync(path);
  });

  const made: Readonly<Record<IdKind, () => OwnedFd>> = {
    prog: () => socketFilter(),
    map: array,
    btf: () => btfLoad(types()),
    link: () => {
      const { program, link } = openRawTracepoint("sys_exit");
      program.close();
      return link;
    },
  };

  const idOf: Readonly<Record<IdKind, (fd: number) => number | undefined>> = {
    prog: (fd) => progInfo(fd).u32("id"),
    map: (fd) => mapInfo(fd).u32("id"),
    btf: (fd) => btfInfo(fd).id,
    // The head of a link's info is that of a map's as far as the id.
    link: (fd) => mapInfo(fd).u32("id"),
  };

  for (const kind of ["prog", "map", "btf", "link"] as const)
    it(`next id and fd by id of a ${kind}`, () => {
      using fd = made[kind]();
      assert.equal(objectKind(fd.fd), kind);
      const id = idOf[kind](fd.fd) ?? 0;
      assert.ok(id > 0);
      assert.equal(getNextId(kind, id - 1), id);
      using again = getFdById(kind, id);
      assert.equal(idOf[kind](again.fd), id);
      assert.equal(getNextId(kind, 0x7fff_fff0), undefined, "past the last");
      assert.throws(() => getFdById(kind, 0x7fff_fff0), { errnoName: "ENOENT", command: /_GET_FD_BY_ID$/ });
      assert.throws(() => getNextId(kind, 0xffff_ffff), { errnoName: "EINVAL", command: /_GET_NEXT_ID$/ });
    });

  it("objectKind of what is no BPF object, and of nothing", () => {
    assert.equal(objectKind(2), "other");
    assert.throws(() => objectKind(9999), { name: "SyscallError", errnoName: "ENOENT", message: /fd 9999/ });
  });

  it("arrays of a program's info: instructions, types and lines of a program with BTF", () => {
    const object = ElfObject.parse(fixtureBytes("pass"));
    const [spec] = object.programs;
    assert.ok(spec?.funcInfo !== undefined && spec.lineInfo !== undefined);
    using btf = btfLoad(object.btfForKernel() ?? assert.fail("it has types"));
    using program = loadInstructions(ProgramType.SkMsg, returning(1), {
      insns: Memory.from(spec.instructions),
      insn_cnt: spec.instructions.length / 8,
      expected_attach_type: spec.expectedAttachType,
      prog_btf_fd: btf.fd,
      func_info: Memory.from(spec.funcInfo),
      func_info_rec_size: 8,
      func_info_cnt: spec.funcInfo.length / 8,
      line_info: Memory.from(spec.lineInfo),
      line_info_rec_size: 16,
      line_info_cnt: spec.lineInfo.length / 16,
    });
    assert.deepEqual(progInfoArray(program.fd, "func_info"), spec.funcInfo);
    assert.deepEqual(progInfoArray(program.fd, "line_info"), spec.lineInfo);
    assert.equal(progInfoArray(program.fd, "xlated_prog_insns").length, spec.instructions.length);
    const jited = progInfo(program.fd).u32("jited_prog_len") ?? 0;
    assert.equal(progInfoArray(program.fd, "jited_prog_insns").length, jited);
    assert.equal(progInfo(program.fd).u32("btf_id"), btfInfo(btf.fd).id);
  });

  it("BPF_BTF_LOAD, and the bytes again", () => {
    const bytes = types();
    using btf = btfLoad(bytes);
    const info = btfInfo(btf.fd);
    assert.equal(info.size, bytes.length);
    assert.equal(info.name, "");
    if (!skipBelow("5.11")) assert.equal(info.kernelBtf, false);
    assert.deepEqual(btfBytes(btf.fd), bytes);
  });

  it("the kernel's own BTF has a name", { skip: skipBelow("5.11") }, () => {
    let found = false;
    for (let id = getNextId("btf", 0); id !== undefined && !found; id = getNextId("btf", id)) {
      using btf = getFdById("btf", id);
      const info = btfInfo(btf.fd);
      found = info.name === "vmlinux" && info.kernelBtf === true;
    }
    assert.ok(found);
  });

  it("BPF_BTF_LOAD refused: the message ends with what the kernel's checker wrote", () => {
    const refused = (change: (view: DataView, firstType: number) => void, message: RegExp): void => {
      const bytes = types();
      const view = new DataView(bytes.buffer);
      change(view, view.getUint32(4, littleEndian) + view.getUint32(8, littleEndian));
      assert.throws(
        () => btfLoad(bytes),
        (error: unknown) => {
          assert.ok(error instanceof SyscallError);
          assert.equal(error.command, "BPF_BTF_LOAD");
          assert.equal(error.errnoName, "EINVAL");
          assert.match(error.message, message);
          return true;
        },
      );
    };
    refused((view, first) => view.setUint32(first, 0x00ff_ffff, littleEndian), /^BPF_BTF_LOAD failed: .*name/i);
    refused(
      (view, first) => view.setUint32(first + 4, 31 << 24, littleEndian),
      /^BPF_BTF_LOAD failed: .*(kind|btf_info)/i,
    );
    // No header, no log.
    refused((view) => view.setUint16(0, 0x1234, littleEndian), /^BPF_BTF_LOAD failed: /);
    assert.throws(() => btfLoad(new Uint8Array(3)), { command: "BPF_BTF_LOAD", errnoName: "EINVAL" });
  });

  it("infos of an fd that is something else, and not open", () => {
    assert.throws(() => progInfo(9999), { command: "BPF_OBJ_GET_INFO_BY_FD", errnoName: "EBADFD" });
    assert.throws(() => progInfo(2), { command: "BPF_OBJ_GET_INFO_BY_FD", errnoName: "EINVAL" });
  });
});
