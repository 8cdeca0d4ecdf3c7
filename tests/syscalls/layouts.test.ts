import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BtfComposite } from "skmsg/elf";
import * as syscalls from "skmsg/syscalls";
import { ATTR_SIZE } from "../../syscalls/attr.ts";
import type { Layout } from "../../syscalls/layouts.ts";
import { kernel } from "../support/environment.ts";
import { KernelBtf, type Place, skipWithoutKernelBtf } from "../support/kernelBtf.ts";

/** The kernel whose header the tables were written from: it has every field. */
const HEADER = 618;

/** Which member of `union bpf_attr` a table is: by name, or of the anonymous ones by a field that only it has. */
const ATTRS: Readonly<
  Record<string, { layout: Layout; member?: string; with?: string; alias?: Record<string, string> }>
> = {
  MAP_CREATE: { layout: syscalls.MAP_CREATE, with: "map_type" },
  MAP_ELEM: { layout: syscalls.MAP_ELEM, with: "next_key" },
  MAP_BATCH: { layout: syscalls.MAP_BATCH, member: "batch" },
  PROG_LOAD: { layout: syscalls.PROG_LOAD, with: "prog_type" },
  OBJ: { layout: syscalls.OBJ, with: "pathname" },
  PROG_ATTACH: { layout: syscalls.PROG_ATTACH, with: "attach_bpf_fd" },
  PROG_TEST_RUN: { layout: syscalls.PROG_TEST_RUN, member: "test" },
  OBJ_ID: { layout: syscalls.OBJ_ID, with: "start_id" },
  OBJ_INFO: { layout: syscalls.OBJ_INFO, member: "info" },
  PROG_QUERY: { layout: syscalls.PROG_QUERY, member: "query" },
  RAW_TRACEPOINT_OPEN: { layout: syscalls.RAW_TRACEPOINT_OPEN, member: "raw_tracepoint" },
  BTF_LOAD: { layout: syscalls.BTF_LOAD, with: "btf_log_buf" },
  TASK_FD_QUERY: { layout: syscalls.TASK_FD_QUERY, member: "task_fd_query" },
  LINK_CREATE: {
    layout: syscalls.LINK_CREATE,
    member: "link_create",
    alias: { expected_revision: "tcx.expected_revision" },
  },
  LINK_UPDATE: { layout: syscalls.LINK_UPDATE, member: "link_update" },
  LINK_DETACH: { layout: syscalls.LINK_DETACH, member: "link_detach" },
  ENABLE_STATS: { layout: syscalls.ENABLE_STATS, member: "enable_stats" },
  ITER_CREATE: { layout: syscalls.ITER_CREATE, member: "iter_create" },
  PROG_BIND_MAP: { layout: syscalls.PROG_BIND_MAP, member: "prog_bind_map" },
  TOKEN_CREATE: { layout: syscalls.TOKEN_CREATE, member: "token_create" },
  PROG_STREAM_READ: { layout: syscalls.PROG_STREAM_READ, member: "prog_stream_read" },
};

const arm = (name: string, layout: Layout): Record<string, string> =>
  Object.fromEntries(Object.keys(layout).map((field) => [field, `${name}.${field}`]));

/** The info structs; an arm of the link info's union is a named member. */
const INFOS: Readonly<Record<string, { struct: string; layout: Layout; alias?: Record<string, string> }>> = {
  PROG_INFO: { struct: "bpf_prog_info", layout: syscalls.PROG_INFO },
  MAP_INFO: { struct: "bpf_map_info", layout: syscalls.MAP_INFO },
  BTF_INFO: { struct: "bpf_btf_info", layout: syscalls.BTF_INFO },
  LINK_INFO: { struct: "bpf_link_info", layout: syscalls.LINK_INFO },
  ...Object.fromEntries(
    (
      [
        ["LINK_INFO_SOCKMAP", "sockmap", syscalls.LINK_INFO_SOCKMAP],
        ["LINK_INFO_CGROUP", "cgroup", syscalls.LINK_INFO_CGROUP],
        ["LINK_INFO_NETNS", "netns", syscalls.LINK_INFO_NETNS],
        ["LINK_INFO_IFINDEX", "tcx", syscalls.LINK_INFO_IFINDEX],
        ["LINK_INFO_IFINDEX", "netkit", syscalls.LINK_INFO_IFINDEX],
        ["LINK_INFO_IFINDEX", "xdp", { ifindex: syscalls.LINK_INFO_IFINDEX.ifindex }],
        ["LINK_INFO_TRACING", "tracing", syscalls.LINK_INFO_TRACING],
        ["LINK_INFO_STRUCT_OPS", "struct_ops", syscalls.LINK_INFO_STRUCT_OPS],
      ] as const
    ).map(([table, name, layout]) => [
      `${table} as ${name}`,
      { struct: "bpf_link_info", layout, alias: arm(name, layout) },
    ]),
  ),
};

describe("the layout tables against the running kernel's own types", { skip: skipWithoutKernelBtf }, () => {
  const btf = skipWithoutKernelBtf ? undefined : new KernelBtf();

  /** Compares a table with the kernel's fields; tells what the kernel lacks. */
  function compare(layout: Layout, fields: ReadonlyMap<string, Place>, alias: Record<string, string> = {}): string[] {
    const missing: string[] = [];
    for (const [name, place] of Object.entries(layout)) {
      const theirs = fields.get(alias[name] ?? name);
      if (theirs === undefined) missing.push(name);
      else assert.deepEqual([...place], [...theirs], `${name}: [offset, width]`);
    }
    return missing;
  }

  /** A kernel older than the header may lack fields: said, not failed. */
  function tell(missing: readonly string[], t: { diagnostic(message: string): void }): void {
    if (missing.length > 0) t.diagnostic(`this kernel lacks ${missing.join(", ")}`);
    if (kernel >= HEADER) assert.deepEqual(missing, []);
  }

  const attr = (): BtfComposite => btf?.composite("union", "bpf_attr") ?? assert.fail("no union bpf_attr");

  function memberOf({ member, with: field }: { member?: string; with?: string }): BtfComposite | undefined {
    for (const { name, type } of attr().members) {
      const inner = btf?.compositeOf(type);
      if (inner === undefined) continue;
      if (member === undefined ? name === "" && btf?.fields(inner).has(field ?? "") : name === member) return inner;
    }
    return undefined;
  }

  for (const [table, row] of Object.entries(ATTRS))
    it(`${table} of union bpf_attr`, (t) => {
      const found = memberOf(row);
      if (found === undefined) tell([`all of ${table}`], t);
      else tell(compare(row.layout, btf?.fields(found) ?? new Map(), row.alias), t);
    });

  for (const [table, { struct, layout, alias }] of Object.entries(INFOS))
    it(`${table} of struct ${struct}`, (t) => {
      const found = btf?.composite("struct", struct);
      assert.ok(found);
      tell(compare(layout, btf?.fields(found) ?? new Map(), alias), t);
    });

  it("every exported table is compared", () => {
    const compared = new Set([...Object.keys(ATTRS), ...Object.keys(INFOS).map((name) => name.split(" ")[0])]);
    const isLayout = (value: unknown): boolean =>
      typeof value === "object" && value !== null && Object.values(value).every((field) => Array.isArray(field));
    const exported = Object.entries(syscalls).flatMap(([name, value]) => (isLayout(value) ? [name] : []));
    assert.ok(exported.length > 25);
    assert.deepEqual(
      exported.filter((name) => !compared.has(name)),
      [],
    );
  });

  it("ATTR_SIZE holds every field of every table, and is the kernel's own size of union bpf_attr", () => {
    for (const [table, { layout }] of Object.entries(ATTRS))
      for (const [name, [offset, width]] of Object.entries(layout))
        assert.ok(offset + width <= ATTR_SIZE, `${table}.${name}`);
    if (kernel === HEADER) assert.equal(ATTR_SIZE, attr().size);
  });

  it("the info structs are asked for with room for all that is read from them", () => {
    const sizes = { bpf_prog_info: 232, bpf_map_info: 104, bpf_btf_info: 32, bpf_link_info: syscalls.LINK_INFO_SIZE };
    for (const [struct, room] of Object.entries(sizes)) {
      for (const { layout, struct: of } of Object.values(INFOS))
        if (of === struct)
          for (const [offset, width] of Object.values(layout)) assert.ok(offset + width <= room, struct);
      if (kernel === HEADER) assert.ok((btf?.composite("struct", struct)?.size ?? 0) <= room, struct);
    }
  });
});
