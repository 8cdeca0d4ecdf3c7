import { join } from "node:path";
import { type Built, root, run } from "./build.ts";
import type { Comparison } from "./compare.ts";
import { type CommandLine, first, pinned, type Sample, Side, wholeProcess } from "./sides.ts";

/** What a row must reach. */
export interface Target {
  readonly text: string;
  readonly met: (result: Comparison) => boolean;
}

export interface Row {
  readonly name: string;
  readonly work: string;
  /** What it is compared with; undefined where the number stands alone. */
  readonly against: string | undefined;
  /** What the samples are: nanoseconds or bytes. */
  readonly unit: "ns" | "B";
  readonly rounds: number;
  readonly target: Target;
  readonly samples: (sides: Sides) => Samples;
}

export interface Samples {
  readonly ours: Sample;
  readonly peer: Sample | undefined;
}

/** Where each side's numbers come from. */
export interface Sides {
  readonly built: Built;
  /** Processes that live as long as the run: warm. */
  readonly ours: Side;
  readonly peer: Side | undefined;
  readonly commands: { readonly ours: CommandLine; readonly peer: CommandLine | undefined };
}

/** One without CO-RE relocations, and one with. */
const OBJECTS = ["subprogs", "core-fields"].map((name) => join(root, `tests/fixtures/clang-19/${name}.o`));

export function startSides(built: Built): Sides & Disposable {
  const ours: CommandLine = [process.execPath, join(built.folder, "main.js"), ...OBJECTS];
  const peer: CommandLine | undefined = typeof built.peer === "string" ? [built.peer, ...OBJECTS] : undefined;
  const sides = { ours: new Side(pinned(ours)), peer: peer && new Side(pinned(peer)) };
  return {
    built,
    ...sides,
    commands: { ours, peer },
    [Symbol.dispose]() {
      sides.ours[Symbol.dispose]();
      sides.peer?.[Symbol.dispose]();
    },
  };
}

const atMost = (most: number): Target => ({
  text: `≤ ${most.toFixed(2)}x`,
  met: ({ ratio }) => ratio !== undefined && ratio <= most,
});

/**
 * Work that both long-lived processes do, `count` times a sample. Samples are many and of a few milliseconds each, so that
 * most of them fit between two interruptions by whatever else the machine does.
 */
function warm(name: string, work: string, count: number, rounds: number, target: Target): Row {
  const samples = ({ ours, peer }: Sides): Samples => ({
    ours: () => ours.measure(name, count),
    peer: peer && (() => peer.measure(name, count)),
  });
  return { name, work, against: "libbpf", unit: "ns", rounds, target, samples };
}

/** The same as the first thing that a process does. */
function cold(name: string, work: string, target: Target): Row {
  const samples = ({ commands }: Sides): Samples => ({
    ours: first(commands.ours, name),
    peer: commands.peer && first(commands.peer, name),
  });
  return { name: `${name}-first`, work, against: "libbpf", unit: "ns", rounds: 11, target, samples };
}

/** Bytes left behind by a `get` or `set`. */
function garbage(kind: "u32" | "u64", work: string): Row {
  return {
    name: `garbage-${kind}`,
    work,
    against: undefined,
    unit: "B",
    rounds: 7,
    target: { text: "0 B", met: ({ ours }) => Math.round(ours) <= 0 },
    samples: ({ built }) => ({ ours: async () => garbageOf(join(built.folder, "garbage.js"), kind), peer: undefined }),
  };
}

function garbageOf(script: string, kind: string): number {
  // A young generation that holds all of it, so that what was allocated is what is there afterwards.
  const args = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256", script, kind];
  const said: { heap: number; external: number; collections: number } = JSON.parse(run(process.execPath, args));
  if (said.collections > 0) throw new Error(`the heap was collected ${said.collections} times while it was measured`);
  // Memory outside of the heap may also be given back meanwhile, which makes up for nothing.
  return said.heap + Math.max(said.external, 0);
}

function unpackedSize(): number {
  const packed: [{ unpackedSize: number }] = JSON.parse(
    run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]),
  );
  return packed[0].unpackedSize;
}

/** Targets: the project's PEERS.md. */
export const rows: readonly Row[] = [
  warm("hash-lookup", "lookup, hash u32 → u64", 2000, 401, atMost(1.3)),
  warm("hash-update", "update, hash u32 → u64", 2000, 401, atMost(1.3)),
  warm("hash-delete", "delete, hash u32 → u64", 2000, 401, atMost(1.3)),
  warm("array-lookup", "lookup, array u32 → u64", 2000, 401, atMost(1.3)),
  warm("array-update", "update, array u32 → u64", 2000, 401, atMost(1.3)),
  garbage("u32", "garbage of a get or set, u32 → u32"),
  garbage("u64", "garbage of a get or set, u32 → u64"),
  warm("sockhash-insert", "insert into a sockhash, same socket", 2000, 401, atMost(1.3)),
  warm("parse", "parse an object", 20, 401, atMost(1.5)),
  warm("load", "open, load, close an object, warm", 1, 201, atMost(1)),
  cold("load", "the same, first in the process", atMost(2)),
  warm("load-core", "open, load, close a CO-RE object, warm", 1, 41, atMost(1)),
  cold("load-core", "the same, first in the process", atMost(2)),
  {
    ...cold("btf-index", "index the kernel's BTF, first in the process", {
      text: "≤ 15 ms",
      met: ({ ours }) => ours <= 15e6,
    }),
    name: "btf-index",
  },
  {
    name: "start",
    work: "process start to the first map operation",
    against: "node -e 0",
    unit: "ns",
    rounds: 11,
    target: {
      text: "≤ 25 ms above",
      met: ({ ours, peer = Number.NaN }) => ours - peer <= 25e6,
    },
    samples: ({ built }) => ({
      ours: wholeProcess([process.execPath, join(built.folder, "start.js")]),
      peer: wholeProcess([process.execPath, "-e", "0"]),
    }),
  },
  {
    name: "size",
    work: "the package, unpacked",
    against: undefined,
    unit: "B",
    rounds: 1,
    target: { text: "≤ 400 kB", met: ({ ours }) => ours <= 400e3 },
    samples: () => ({ ours: async () => unpackedSize(), peer: undefined }),
  },
];
