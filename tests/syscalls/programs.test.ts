import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AttachType,
  enableStats,
  LinkType,
  linkInfo,
  littleEndian,
  MapType,
  Memory,
  mapCreate,
  mapInfo,
  ProgLoadError,
  ProgramType,
  progAttach,
  progBindMap,
  progDetach,
  progInfo,
  progInfoArray,
  progLoadAsync,
  progQuery,
  progStreamRead,
  progTestRun,
  taskFdQuery,
} from "skmsg/syscalls";
import { OwnCgroup, skipWithoutCgroup2 } from "../support/cgroup.ts";
import { skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { loadAttr, loadInstructions, openRawTracepoint, returning, socketFilter } from "../support/instructions.ts";
import { raiseMemoryLock } from "../support/memlock.ts";

const BPF_F_ALLOW_MULTI = 2;

const skMsg = (name: string): ReturnType<typeof loadInstructions> =>
  loadInstructions(ProgramType.SkMsg, returning(1), {
    prog_name: name,
    expected_attach_type: AttachType.SkMsgVerdict,
  });

const sockMap = (): ReturnType<typeof mapCreate> =>
  mapCreate({ map_type: MapType.SockMap, key_size: 4, value_size: 8, max_entries: 1 });

const idOf = (fd: number): number => progInfo(fd).u32("id") ?? 0;

raiseMemoryLock();

describe("program commands", { skip: skipWithoutRoot }, () => {
  it("BPF_PROG_LOAD: the fields arrive", () => {
    using program = skMsg("named_so");
    const info = progInfo(program.fd);
    assert.equal(info.u32("type"), ProgramType.SkMsg);
    assert.equal(info.text("name"), "named_so");
    assert.equal((info.bytes("gpl_compatible")?.[0] ?? 0) & 1, 1);
    assert.equal(info.u32("xlated_prog_len"), 16);
    assert.match(Buffer.from(info.bytes("tag")).toString("hex"), /^[0-9a-f]{16}$/);
    assert.equal(progInfoArray(program.fd, "xlated_prog_insns").length, 16);
    assert.equal(progInfoArray(program.fd, "map_ids").length, 0);
  });

  it("BPF_PROG_LOAD off the event loop: loads, and is refused, as on it", async () => {
    using program = (await progLoadAsync(loadAttr(ProgramType.SocketFilter, returning(3)))).fd;
    assert.equal(progTestRun(program.fd, { data: new Uint8Array(14) }).retval, 3);
    await assert.rejects(progLoadAsync(loadAttr(ProgramType.SocketFilter, [{ opcode: 0x95 }])), (error: unknown) => {
      assert.ok(error instanceof ProgLoadError);
      assert.match(error.log, /R0 !read_ok/);
      return true;
    });
  });

  it("BPF_PROG_ATTACH, QUERY and DETACH on a sockmap", () => {
    using map = sockMap();
    using program = skMsg("attached");
    const attr = { target_fd: map.fd, attach_bpf_fd: program.fd, attach_type: AttachType.SkMsgVerdict };
    progAttach(attr);
    if (!skipBelow("5.18")) {
      assert.deepEqual(progQuery(map.fd, AttachType.SkMsgVerdict).programIds, [idOf(program.fd)]);
      assert.deepEqual(progQuery(map.fd, AttachType.SkSkbStreamParser).programIds, []);
    }
    progDetach(attr);
    if (!skipBelow("5.18")) assert.deepEqual(progQuery(map.fd, AttachType.SkMsgVerdict).programIds, []);
    assert.throws(() => progDetach(attr), { command: "BPF_PROG_DETACH", errnoName: "ENOENT" });
    assert.throws(() => progAttach({ ...attr, target_fd: 9999 }), { command: "BPF_PROG_ATTACH", errnoName: "EBADF" });
    assert.throws(() => progQuery(9999, AttachType.SkMsgVerdict), { command: "BPF_PROG_QUERY" });
  });

  it("BPF_PROG_QUERY of more programs than its first guess", { skip: skipWithoutCgroup2() }, () => {
    using cgroup = new OwnCgroup();
    const programs = Array.from({ length: 20 }, (_, index) =>
      loadInstructions(ProgramType.CgroupSkb, returning(1), {
        prog_name: `p${index}`,
        expected_attach_type: AttachType.CgroupInetIngress,
      }),
    );
    const attrs = programs.map(({ fd }) => ({
      target_fd: cgroup.fd,
      attach_bpf_fd: fd,
      attach_type: AttachType.CgroupInetIngress,
    }));
    for (const attr of attrs) progAttach({ ...attr, attach_flags: BPF_F_ALLOW_MULTI });
    const { programIds, attachFlags } = progQuery(cgroup.fd, AttachType.CgroupInetIngress);
    assert.deepEqual(
      programIds,
      programs.map(({ fd }) => idOf(fd)),
    );
    assert.equal(attachFlags, BPF_F_ALLOW_MULTI);
    for (const attr of attrs) progDetach(attr);
    assert.deepEqual(progQuery(cgroup.fd, AttachType.CgroupInetIngress).programIds, []);
    for (const program of programs) program.close();
  });

  it("BPF_PROG_TEST_RUN: what it returned, and the packet that it left", () => {
    // Not a socket filter: of those the kernel clears the Ethernet header.
    using program = loadInstructions(ProgramType.SchedCls, returning(42));
    const data = new Uint8Array(64).map((_, index) => index);
    const result = progTestRun(program.fd, { data, dataOutSize: 100, repeat: 3 });
    assert.equal(result.retval, 42);
    assert.ok(result.duration >= 0);
    assert.deepEqual(result.data, data);
    assert.deepEqual(result.context, new Uint8Array());
  });

  it("BPF_PROG_TEST_RUN: a context in and out", () => {
    using program = loadInstructions(ProgramType.SchedCls, [
      // ((struct __sk_buff *)ctx)->mark = 7
      { opcode: 0xb7, dst: 2, immediate: 7 },
      { opcode: 0x63, dst: 1, src: 2, offset: 8 },
      ...returning(1),
    ]);
    const context = new Memory(192);
    const result = progTestRun(program.fd, { data: new Uint8Array(14), context: context.bytes, contextOutSize: 192 });
    assert.equal(result.retval, 1);
    context.view.setUint32(8, 7, littleEndian);
    assert.deepEqual(result.context.subarray(0, 16), context.bytes.subarray(0, 16));
  });

  it("BPF_PROG_TEST_RUN refused: a type without one, and no packet", () => {
    using message = skMsg("untestable");
    assert.throws(() => progTestRun(message.fd), { command: "BPF_PROG_TEST_RUN", errnoName: "ENOTSUPP", errno: 524 });
    using filter = socketFilter();
    assert.throws(() => progTestRun(filter.fd), { command: "BPF_PROG_TEST_RUN", errnoName: "EINVAL" });
  });

  it("BPF_PROG_BIND_MAP: the program holds the map", { skip: skipBelow("5.10") }, () => {
    using program = socketFilter();
    using map = mapCreate({ map_type: MapType.Array, key_size: 4, value_size: 4, max_entries: 1 });
    progBindMap(program.fd, map.fd);
    const ids = progInfoArray(program.fd, "map_ids");
    assert.deepEqual([...new Uint32Array(ids.slice().buffer)], [mapInfo(map.fd).u32("id")]);
    assert.throws(() => progBindMap(program.fd, 9999), { command: "BPF_PROG_BIND_MAP", errnoName: "EBADF" });
  });

  it("BPF_ENABLE_STATS: runs are counted while it is open", () => {
    using program = socketFilter();
    const runs = (): bigint | undefined => progInfo(program.fd).u64("run_cnt");
    const run = (): void => void progTestRun(program.fd, { data: new Uint8Array(14), repeat: 100 });
    run();
    const before = runs();
    using stats = enableStats();
    run();
    const counted = runs();
    assert.equal((counted ?? 0n) - (before ?? 0n), 100n);
    assert.ok((progInfo(program.fd).u64("run_time_ns") ?? 0n) > 0n);
    stats.close();
    assert.throws(() => enableStats(99), { command: "BPF_ENABLE_STATS", errnoName: "EINVAL" });
  });

  it("BPF_RAW_TRACEPOINT_OPEN, and BPF_TASK_FD_QUERY of it", () => {
    const { program, link } = openRawTracepoint("sys_enter");
    using _program = program;
    using owned = link;
    const query = taskFdQuery(process.pid, owned.fd);
    assert.equal(query.programId, idOf(program.fd));
    assert.equal(query.fdType, 0, "BPF_FD_TYPE_RAW_TRACEPOINT");
    assert.equal(query.name, "sys_enter");
    const info = linkInfo(owned.fd);
    assert.deepEqual([info.u32("type"), info.u32("prog_id")], [LinkType.RawTracepoint, idOf(program.fd)]);
    assert.throws(() => openRawTracepoint("no_such_point"), {
      command: "BPF_RAW_TRACEPOINT_OPEN",
      errnoName: "ENOENT",
    });
    assert.throws(() => taskFdQuery(process.pid, 9999), { command: "BPF_TASK_FD_QUERY", errnoName: "EBADF" });
    assert.throws(() => taskFdQuery(process.pid, program.fd), { command: "BPF_TASK_FD_QUERY", errnoName: "ENOTSUPP" });
  });

  it("BPF_PROG_STREAM_READ_BY_FD of a program that wrote nothing", { skip: skipBelow("6.17") }, () => {
    using program = socketFilter();
    for (const stream of [1, 2]) assert.deepEqual(progStreamRead(program.fd, stream, 64), new Uint8Array());
    assert.throws(() => progStreamRead(program.fd, 9, 64), { command: "BPF_PROG_STREAM_READ_BY_FD" });
    assert.throws(() => progStreamRead(9999, 1, 64), { command: "BPF_PROG_STREAM_READ_BY_FD", errnoName: "EBADF" });
  });
});
