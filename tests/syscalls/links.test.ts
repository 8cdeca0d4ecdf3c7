import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import {
  AttachType,
  iterCreate,
  LINK_INFO_CGROUP,
  LINK_INFO_SOCKMAP,
  LINK_INFO_TRACING,
  LinkType,
  linkCreate,
  linkDetach,
  linkInfo,
  linkUpdate,
  MapType,
  mapCreate,
  mapInfo,
  type OwnedFd,
  ProgramType,
  progAttach,
  progInfo,
  progQuery,
  rawTracepointOpen,
  tokenCreate,
} from "skmsg/syscalls";
import { OwnCgroup, skipWithoutCgroup2 } from "../support/cgroup.ts";
import { ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { loadInstructions, returning } from "../support/instructions.ts";
import { KernelBtf, skipWithoutKernelBtf, skipWithoutTracer } from "../support/kernelBtf.ts";
import { raiseMemoryLock } from "../support/memlock.ts";

const skMsg = (): OwnedFd =>
  loadInstructions(ProgramType.SkMsg, returning(1), { expected_attach_type: AttachType.SkMsgVerdict });

const cgroupProgram = (attachType: number): OwnedFd =>
  loadInstructions(ProgramType.CgroupSkb, returning(1), { expected_attach_type: attachType });

const sockMap = (): OwnedFd => mapCreate({ map_type: MapType.SockMap, key_size: 4, value_size: 8, max_entries: 1 });

const idOf = (program: OwnedFd): number => progInfo(program.fd).u32("id") ?? 0;

raiseMemoryLock();

describe("link commands", { skip: skipWithoutRoot }, () => {
  const bpffs = ownBpffs();

  it("create, update, detach on a sockmap", { skip: skipBelow("6.10") }, () => {
    using map = sockMap();
    using first = skMsg();
    using second = skMsg();
    using parser = loadInstructions(ProgramType.SkSkb, returning(1), {
      expected_attach_type: AttachType.SkSkbStreamParser,
    });
    const attr = { prog_fd: first.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict };
    using link = linkCreate(attr);
    const attached = (): readonly number[] => progQuery(map.fd, AttachType.SkMsgVerdict).programIds;
    assert.deepEqual(attached(), [idOf(first)]);

    const info = linkInfo(link.fd);
    assert.equal(info.u32("type"), LinkType.SockMap);
    assert.equal(info.u32("prog_id"), idOf(first));
    assert.equal(info.as(LINK_INFO_SOCKMAP).u32("map_id"), mapInfo(map.fd).u32("id"));
    assert.equal(info.as(LINK_INFO_SOCKMAP).u32("attach_type"), AttachType.SkMsgVerdict);

    assert.throws(() => linkCreate(attr), { command: "BPF_LINK_CREATE", errnoName: "EBUSY" });
    assert.throws(() => progAttach({ ...attr, attach_bpf_fd: second.fd }), { errnoName: "EBUSY" });

    // BPF_F_REPLACE works: refused while another is expected, done with the right one.
    assert.throws(() => linkUpdate(link.fd, second.fd, second.fd), { command: "BPF_LINK_UPDATE", errnoName: "EPERM" });
    linkUpdate(link.fd, second.fd, first.fd);
    assert.deepEqual(attached(), [idOf(second)]);
    linkUpdate(link.fd, first.fd);
    assert.deepEqual(attached(), [idOf(first)]);
    assert.throws(() => linkUpdate(link.fd, parser.fd), { errnoName: "EINVAL" });

    linkDetach(link.fd);
    assert.deepEqual(attached(), []);
    assert.equal(linkInfo(link.fd).as(LINK_INFO_SOCKMAP).u32("map_id"), 0);
  });

  it("closing the last fd of a link detaches", { skip: skipBelow("6.10") }, () => {
    using map = sockMap();
    using program = skMsg();
    const link = linkCreate({ prog_fd: program.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict });
    const second = link.dup();
    link.close();
    assert.equal(progQuery(map.fd, AttachType.SkMsgVerdict).programIds.length, 1);
    second.close();
    assert.equal(progQuery(map.fd, AttachType.SkMsgVerdict).programIds.length, 0);
  });

  it("before 6.10 a sockmap has no links", { skip: !skipBelow("6.10") && "needs an older kernel" }, () => {
    using map = sockMap();
    using program = skMsg();
    const attr = { prog_fd: program.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict };
    assert.throws(() => linkCreate(attr), { command: "BPF_LINK_CREATE", errnoName: "EINVAL" });
  });

  it("create, update, detach on a cgroup", { skip: skipWithoutCgroup2() }, () => {
    using cgroup = new OwnCgroup();
    using first = cgroupProgram(AttachType.CgroupInetEgress);
    using second = cgroupProgram(AttachType.CgroupInetEgress);
    using link = linkCreate({ prog_fd: first.fd, target_fd: cgroup.fd, attach_type: AttachType.CgroupInetEgress });
    const attached = (): readonly number[] => progQuery(cgroup.fd, AttachType.CgroupInetEgress).programIds;
    assert.deepEqual(attached(), [idOf(first)]);
    const info = linkInfo(link.fd);
    assert.equal(info.u32("type"), LinkType.Cgroup);
    const arm = info.as(LINK_INFO_CGROUP);
    assert.ok((arm.u64("cgroup_id") ?? 0n) > 0n);
    assert.equal(arm.u32("attach_type"), AttachType.CgroupInetEgress);
    linkUpdate(link.fd, second.fd);
    assert.deepEqual(attached(), [idOf(second)]);
    linkDetach(link.fd);
    assert.deepEqual(attached(), []);
  });

  it("refused: an fd that is no link, no program, not open", () => {
    using map = sockMap();
    const attach_type = AttachType.SkMsgVerdict;
    assert.throws(() => linkCreate({ prog_fd: map.fd, target_fd: map.fd, attach_type }), { errnoName: "EINVAL" });
    assert.throws(() => linkCreate({ prog_fd: 9999, target_fd: map.fd, attach_type }), { errnoName: "EBADF" });
    assert.throws(() => linkUpdate(map.fd, map.fd), { command: "BPF_LINK_UPDATE", errnoName: "EINVAL" });
    assert.throws(() => linkDetach(map.fd), { command: "BPF_LINK_DETACH", errnoName: "EINVAL" });
    assert.throws(() => iterCreate(map.fd), { command: "BPF_ITER_CREATE", errnoName: "EINVAL" });
    assert.throws(() => iterCreate(9999), { command: "BPF_ITER_CREATE", errnoName: "EBADF" });
  });

  it("BPF_ITER_CREATE: reads what an iterator over maps writes", { skip: skipWithoutKernelBtf }, () => {
    const SEQ_WRITE = 127;
    using program = loadInstructions(
      ProgramType.Tracing,
      [
        // struct seq_file *seq = ctx->meta->seq; both are the first members.
        { opcode: 0x79, dst: 1, src: 1, offset: 0 },
        { opcode: 0x79, dst: 1, src: 1, offset: 0 },
        // bpf_seq_write(seq, "m", 1): 'm' on the stack
        { opcode: 0x72, dst: 10, offset: -8, immediate: 0x6d },
        { opcode: 0xbf, dst: 2, src: 10 },
        { opcode: 0x07, dst: 2, immediate: -8 },
        { opcode: 0xb7, dst: 3, immediate: 1 },
        { opcode: 0x85, immediate: SEQ_WRITE },
        ...returning(0),
      ],
      { expected_attach_type: AttachType.TraceIter, attach_btf_id: new KernelBtf().functionId("bpf_iter_bpf_map") },
    );
    using _map = sockMap();
    using link = linkCreate({ prog_fd: program.fd, attach_type: AttachType.TraceIter });
    assert.equal(linkInfo(link.fd).u32("type"), LinkType.Iter);
    using iterator = iterCreate(link.fd);
    // Once for every map in the kernel, and once at the end.
    assert.match(readFileSync(iterator.fd, "utf8"), /^m{2,}$/);
  });

  it("a tracing link tells its attach type", { skip: skipWithoutTracer }, () => {
    const id = new KernelBtf().functionId("bpf_fentry_test1");
    using program = loadInstructions(ProgramType.Tracing, returning(0), {
      expected_attach_type: AttachType.TraceFentry,
      attach_btf_id: id,
    });
    using link = rawTracepointOpen(program.fd);
    const info = linkInfo(link.fd);
    assert.equal(info.u32("type"), LinkType.Tracing);
    assert.equal(info.as(LINK_INFO_TRACING).u32("attach_type"), AttachType.TraceFentry);
    if (!skipBelow("5.13")) assert.equal(info.as(LINK_INFO_TRACING).u32("target_btf_id"), id);
  });

  it("BPF_TOKEN_CREATE is refused outside of a user namespace, and off bpffs", () => {
    const open = (folder: string): Disposable & { fd: number } => {
      const fd = openSync(folder, "r");
      return { fd, [Symbol.dispose]: () => closeSync(fd) };
    };
    using mount = open(bpffs);
    using other = open(tmpdir());
    // A kernel before 6.9 does not know the command.
    const errnoName = skipBelow("6.9") ? "EINVAL" : "EOPNOTSUPP";
    assert.throws(() => tokenCreate(mount.fd), { command: "BPF_TOKEN_CREATE", errnoName });
    assert.throws(() => tokenCreate(other.fd), { command: "BPF_TOKEN_CREATE", errnoName: "EINVAL" });
  });
});
