import assert from "node:assert/strict";
import { closeSync, openSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { AttachType, LinkInfo, LinkType, loadedLinks, ProgramType, SockMap } from "skmsg";
import { iterCreate, linkCreate, linkDetach, type OwnedFd, progInfo, rawTracepointOpen } from "skmsg/syscalls";
import { OwnCgroup, skipWithoutCgroup2 } from "../support/cgroup.ts";
import { bpftool, skipBelow, skipWithout, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { loadInstructions, openRawTracepoint, returning } from "../support/instructions.ts";
import { KernelBtf, skipWithoutKernelBtf, skipWithoutTracer } from "../support/kernelBtf.ts";
import { raiseMemoryLock } from "../support/memlock.ts";

/** The loopback interface, always there and always this number. */
const LO = 1;
const XDP_FLAGS_SKB_MODE = 2;

interface Row {
  readonly what: string;
  readonly skip?: false | string;
  /** Program type, what it returns, and its attach type. */
  readonly program: readonly [type: number, returns: number, attachType: number];
  /** Runs with the target's fd or number. */
  readonly on: (use: (target: number, expected: Partial<LinkInfo>) => void) => void;
  readonly type: number;
  readonly flags?: number;
  /** Whether the kernel tells the attach type. */
  readonly told: boolean;
}

const ROWS: readonly Row[] = [
  {
    what: "a sockmap",
    skip: skipBelow("6.10"),
    program: [ProgramType.SkMsg, 1, AttachType.SkMsgVerdict],
    on: (use) => {
      using map = SockMap.create({ maxEntries: 1 });
      use(map.fd, { mapId: map.id });
    },
    type: LinkType.SockMap,
    told: true,
  },
  {
    what: "a cgroup",
    skip: skipWithoutCgroup2(),
    program: [ProgramType.CgroupSkb, 1, AttachType.CgroupInetEgress],
    on: (use) => {
      using cgroup = new OwnCgroup();
      // kernfs uses the cgroup's id as the inode number.
      use(cgroup.fd, { cgroupId: statSync(cgroup.path, { bigint: true }).ino });
    },
    type: LinkType.Cgroup,
    told: true,
  },
  {
    what: "a network namespace",
    program: [ProgramType.SkLookup, 1, AttachType.SkLookup],
    on: (use) => {
      const fd = openSync("/proc/self/ns/net", "r");
      try {
        use(fd, { netnsInode: statSync("/proc/self/ns/net").ino });
      } finally {
        closeSync(fd);
      }
    },
    type: LinkType.Netns,
    told: true,
  },
  {
    what: "an interface, XDP",
    program: [ProgramType.Xdp, 2, AttachType.Xdp],
    on: (use) => use(LO, { ifindex: LO }),
    type: LinkType.Xdp,
    flags: XDP_FLAGS_SKB_MODE,
    told: false,
  },
  {
    what: "an interface, tcx",
    skip: skipBelow("6.6"),
    program: [ProgramType.SchedCls, -1, AttachType.TcxIngress],
    on: (use) => use(LO, { ifindex: LO }),
    type: LinkType.Tcx,
    told: true,
  },
];

const FIELDS = ["mapId", "cgroupId", "netnsInode", "ifindex"] as const;

const load = ([type, returns, attachType]: Row["program"]): OwnedFd =>
  loadInstructions(type, returning(returns), { expected_attach_type: attachType });

raiseMemoryLock();

describe("LinkInfo", { skip: skipWithoutRoot }, () => {
  for (const { what, skip = false, program, on, type, flags, told } of ROWS)
    it(`of a link on ${what} tells its target`, { skip }, () => {
      using loaded = load(program);
      on((target, expected) => {
        using link = linkCreate({ prog_fd: loaded.fd, target_fd: target, attach_type: program[2], flags });
        const info = LinkInfo.fromFd(link.fd);
        assert.equal(info.type, type);
        assert.equal(info.programId, progInfo(loaded.fd).u32("id"));
        assert.equal(info.attachType, told ? program[2] : undefined);
        for (const field of FIELDS) assert.equal(info[field], expected[field], field);
        assert.deepEqual(LinkInfo.fromId(info.id), info);
        assert.ok([...loadedLinks()].some(({ id }) => id === info.id));
        const json: Record<string, unknown> = JSON.parse(JSON.stringify(info));
        assert.deepEqual(json, info.toJSON());
        if (expected.cgroupId !== undefined) assert.equal(json.cgroupId, String(expected.cgroupId));
      });
    });

  it("of a raw tracepoint has no target that this package tells", () => {
    const { program, link } = openRawTracepoint("sys_enter");
    using _program = program;
    using owned = link;
    const info = LinkInfo.fromFd(owned.fd);
    assert.equal(info.type, LinkType.RawTracepoint);
    for (const field of [...FIELDS, "attachType"] as const) assert.equal(info[field], undefined);
    using again = info.fd();
    assert.equal(LinkInfo.fromFd(again.fd).id, info.id);
  });

  it("of an iterator", { skip: skipWithoutKernelBtf }, () => {
    using program = loadInstructions(ProgramType.Tracing, returning(0), {
      expected_attach_type: AttachType.TraceIter,
      attach_btf_id: new KernelBtf().functionId("bpf_iter_bpf_map"),
    });
    using link = linkCreate({ prog_fd: program.fd, attach_type: AttachType.TraceIter });
    assert.equal(LinkInfo.fromFd(link.fd).type, LinkType.Iter);
    iterCreate(link.fd).close();
  });

  it("of a tracing link tells its attach type", { skip: skipWithoutTracer }, () => {
    using program = loadInstructions(ProgramType.Tracing, returning(0), {
      expected_attach_type: AttachType.TraceFentry,
      attach_btf_id: new KernelBtf().functionId("bpf_fentry_test1"),
    });
    using link = rawTracepointOpen(program.fd);
    const info = LinkInfo.fromFd(link.fd);
    assert.deepEqual([info.type, info.attachType], [LinkType.Tracing, AttachType.TraceFentry]);
  });

  it("of a sockmap link keeps its map, and has none once it is detached", { skip: skipBelow("6.10") }, () => {
    using program = load([ProgramType.SkMsg, 1, AttachType.SkMsgVerdict]);
    const map = SockMap.create({ maxEntries: 1 });
    using link = linkCreate({ prog_fd: program.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict });
    assert.equal(LinkInfo.fromFd(link.fd).mapId, map.id);
    map.close();
    assert.equal(LinkInfo.fromFd(link.fd).mapId, map.id);
    linkDetach(link.fd);
    assert.equal(LinkInfo.fromFd(link.fd).mapId, undefined);
    throwsCode(() => SockMap.fromId(map.id), "ERR_NO_SUCH_ID");
  });

  it("is what bpftool says", { skip: skipWithout("bpftool") }, () => {
    const { program, link } = openRawTracepoint("sys_exit");
    using _program = program;
    using owned = link;
    const info = LinkInfo.fromFd(owned.fd);
    const theirs = bpftool("link", "show", "id", String(info.id)) as Record<string, unknown>; // its JSON of one link
    assert.deepEqual([info.id, info.programId], [theirs.id, theirs.prog_id]);
    const ids = (bpftool("link", "show") as { id: number }[]).map(({ id }) => id); // its list
    assert.deepEqual(
      [...loadedLinks()].map(({ id }) => id),
      ids,
    );
  });

  it("of an id that there is none of", () => {
    for (const id of [0, -1, 1.5, 0x7fff_fff0, 2 ** 32])
      throwsCode(() => LinkInfo.fromId(id), "ERR_NO_SUCH_ID", /link/);
  });
});
