import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { describe, it } from "node:test";
import * as syscalls from "skmsg/syscalls";
import {
  AttachType,
  Command,
  Errno,
  errnoName,
  LinkType,
  MapFlags,
  MapType,
  nameOf,
  ProgramType,
} from "skmsg/syscalls";
import { kernel } from "../support/environment.ts";
import { KernelBtf, skipWithoutKernelBtf } from "../support/kernelBtf.ts";

/** The kernel whose header the numbers were written from. */
const HEADER = 618;

type Table = Readonly<Record<string, number>>;

/** Our table, the kernel's enum, and what its names begin with. */
const ENUMS: readonly (readonly [name: string, table: Table, enumName: string, prefix: string])[] = [
  ["Command", Command, "bpf_cmd", ""],
  ["ProgramType", ProgramType, "bpf_prog_type", "BPF_PROG_TYPE_"],
  ["MapType", MapType, "bpf_map_type", "BPF_MAP_TYPE_"],
  ["AttachType", AttachType, "bpf_attach_type", "BPF_"],
  ["LinkType", LinkType, "bpf_link_type", "BPF_LINK_TYPE_"],
];

/** The kernel's second names for the same number, and ends of enums. */
const NO_NAMES_OF_OURS = /^(__MAX|MAX)_|PROG_RUN$|_DEPRECATED$/;

/** `BPF_PROG_TYPE_SK_MSG` and `SkMsg` alike. */
const plain = (name: string, prefix = ""): string => name.replace(prefix, "").replaceAll("_", "").toLowerCase();

describe("the numbers against the running kernel's own enums", { skip: skipWithoutKernelBtf }, () => {
  const btf = skipWithoutKernelBtf ? undefined : new KernelBtf();

  for (const [name, table, enumName, prefix] of ENUMS)
    it(`${name} is enum ${enumName}`, (t) => {
      const theirs = new Map([...(btf?.enumValues(enumName) ?? [])].map(([key, value]) => [plain(key, prefix), value]));
      assert.ok(theirs.size > 2, "the kernel has this enum");
      const missing: string[] = [];
      for (const [key, value] of Object.entries(table)) {
        const number = theirs.get(plain(key));
        if (number === undefined) missing.push(key);
        else assert.equal(value, number, key);
      }
      if (missing.length > 0) t.diagnostic(`this kernel lacks ${missing.join(", ")}`);
      if (kernel >= HEADER) assert.deepEqual(missing, []);
    });

  for (const [name, table, enumName] of ENUMS)
    it(`${name} has every name that the kernel of the header has`, {
      skip: kernel !== HEADER && "another kernel",
    }, () => {
      const numbers = new Set(Object.values(table));
      const lacking = [...(btf?.enumValues(enumName) ?? [])].filter(
        ([key, value]) => !numbers.has(value) && !NO_NAMES_OF_OURS.test(key),
      );
      assert.deepEqual(lacking, []);
    });

  it("MapFlags and the flags of updates are those of the kernel's anonymous enums", (t) => {
    const theirs = btf?.enumValues("") ?? new Map<string, number>();
    const ours: [string, number][] = Object.entries(MapFlags).map(([key, value]) => [
      `BPF_F_${key.replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase()}`,
      value,
    ]);
    // BPF_F_REPLACE is a #define, of which BTF knows nothing; linkUpdate shows that it is right.
    ours.push(
      ...Object.entries(syscalls).flatMap(([k, v]): [string, number][] =>
        /^BPF_/.test(k) && k !== "BPF_F_REPLACE" && typeof v === "number" ? [[k, v]] : [],
      ),
    );
    assert.ok(ours.length > 15);
    const missing = ours.filter(([key, value]) => {
      const number = theirs.get(key);
      if (number !== undefined) assert.equal(value, number, key);
      return number === undefined;
    });
    if (missing.length > 0) t.diagnostic(`this kernel does not name ${missing.join(", ")}`);
    if (kernel >= HEADER) assert.deepEqual(missing, []);
  });
});

describe("names of numbers", () => {
  it("nameOf gives the name, or the number in words", () => {
    assert.equal(nameOf(ProgramType, 16), "SkMsg");
    assert.equal(nameOf(MapType, 18), "SockHash");
    assert.equal(nameOf(MapType, 999), "type 999");
  });

  it("errno names and numbers are those of this system", {
    skip: process.platform !== "linux" && "needs Linux",
  }, () => {
    for (const [name, number] of Object.entries(constants.errno)) {
      // libc's second names for a number.
      if (["EWOULDBLOCK", "ENOTSUP", "EDEADLOCK"].includes(name)) continue;
      assert.equal(Errno[name], number, name);
      assert.equal(errnoName(number), name);
    }
  });

  it("errno constants are in the table", () => {
    const single = Object.entries(syscalls).filter(
      ([name, value]) => /^E[A-Z0-9]+$/.test(name) && typeof value === "number",
    );
    assert.ok(single.length >= 14);
    for (const [name, value] of single) assert.equal(value, Errno[name], name);
  });

  it("the kernel's own 524 has a name, and what no table knows is called by its number", () => {
    assert.equal(errnoName(524), "ENOTSUPP");
    assert.equal(errnoName(0), "errno 0");
    assert.equal(errnoName(41), "errno 41");
    assert.equal(errnoName(999), "errno 999");
  });
});

describe("system call numbers", () => {
  const { syscallNumbers } = syscalls;
  const NAMES = ["bpf", "close", "fcntl", "mount", "umount2", "prlimit64"] as const;

  /** Headers of linux-libc-dev, and the architectures that they are about. */
  const HEADERS: readonly (readonly [path: string, arches: readonly string[]])[] = [
    ["/usr/include/asm-generic/unistd.h", ["arm64", "riscv64", "loong64"]],
    ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", ["x64"]],
  ];

  for (const [path, arches] of HEADERS)
    it(`of ${arches.join(", ")} are those of ${path}`, { skip: !existsSync(path) && `needs ${path}` }, () => {
      const text = readFileSync(path, "utf8");
      for (const arch of arches)
        for (const name of NAMES) {
          // fcntl is __NR3264_fcntl in the generic header.
          const number = new RegExp(`^#define __NR(?:3264)?_${name}\\s+(\\d+)`, "m").exec(text)?.[1];
          assert.equal(syscallNumbers("linux", arch)[name], Number(number), `${name} of ${arch}`);
        }
    });
});
