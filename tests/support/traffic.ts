import { ArrayMap, Ebpf, SkMsg, type SkMsgLinkId, SockHash, SockMap, u32, u64 } from "skmsg";
import { fixture } from "./fixtures.ts";
import type { Answer } from "./reference.ts";

/** `enum config` of tests/fixtures/traffic.bpf.c. */
const CONFIG = { key: 0, cork: 1, apply: 2, pushAt: 3, pullStart: 4, pullEnd: 5, popStart: 6, popLength: 7 } as const;

/** `enum program`, by the programs' names. */
const PROGRAMS = [
  "pass",
  "drop",
  "redirect_egress_hash",
  "redirect_ingress_hash",
  "redirect_egress_map",
  "redirect_ingress_map",
  "cork",
  "apply",
  "push",
  "pull",
  "pop",
] as const;
export type TrafficProgram = (typeof PROGRAMS)[number];

/** What STATS says of a program. */
export type Stats = Omit<Answer, "arrives">;

/** The fixture `traffic`, loaded: one program at a time is attached, and its numbers are read from STATS. */
export class Traffic implements Disposable {
  readonly hash: SockHash<number>;
  readonly map: SockMap;
  readonly #bpf: Ebpf;
  readonly #config: ArrayMap<number>;
  readonly #stats: ArrayMap<bigint>;

  constructor() {
    this.#bpf = Ebpf.load(fixture("traffic"));
    this.hash = this.#bpf.map("HASH", SockHash<number>);
    this.map = this.#bpf.map("MAP", SockMap);
    this.#config = this.#bpf.map("CONFIG", ArrayMap<number>, { value: u32 });
    this.#stats = this.#bpf.map("STATS", ArrayMap<bigint>, { value: u64 });
  }

  program(name: TrafficProgram): SkMsg {
    return this.#bpf.program(name, SkMsg);
  }

  /** Loads and attaches. */
  attach(name: TrafficProgram, target: SockHash<number> | SockMap = this.hash): SkMsgLinkId {
    const program = this.program(name);
    if (!program.isLoaded) program.load();
    return program.attach(target);
  }

  configure(values: Partial<Record<keyof typeof CONFIG, number>>): void {
    for (const [name, index] of Object.entries(CONFIG)) {
      const value = values[name as keyof typeof CONFIG]; // the keys of CONFIG
      if (value !== undefined) this.#config.set(index, value);
    }
  }

  stats(name: TrafficProgram): Stats {
    const at = PROGRAMS.indexOf(name) * 4;
    const [calls = 0, bytes = 0, failures = 0] = [0, 1, 2].map((index) => Number(this.#stats.get(at + index)));
    return { calls, bytes, failures };
  }

  /** The errno of the helper's last failure, 0 for none. */
  lastFailure(name: TrafficProgram): number {
    return Number(-BigInt.asIntN(64, this.#stats.get(PROGRAMS.indexOf(name) * 4 + 3) ?? 0n));
  }

  [Symbol.dispose](): void {
    this.#bpf.close();
  }
}

/** The numbers of a reference's answer. */
export function numbersOf({ calls, bytes, failures }: Answer): Stats {
  return { calls, bytes, failures };
}

/** So many bytes that no shift, repetition or loss leaves as they were: a sequence that is different for every seed. */
export function message(length: number, seed = 1): Uint8Array {
  let state = (seed * 2654435761 + length) >>> 0;
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
