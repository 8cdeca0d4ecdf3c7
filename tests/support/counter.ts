import assert from "node:assert/strict";
import { ArrayMap, AttachType, Ebpf, SkMsg, SockHash, SockMap, u64 } from "skmsg";
import { progQuery } from "skmsg/syscalls";
import { kernel } from "./environment.ts";
import { fixture } from "./fixtures.ts";
import { type Pair, receive, tcpPair, write } from "./sockets.ts";

const { SkMsgVerdict: SK_MSG_VERDICT } = AttachType;

/** How many messages each program of the fixture `counter` has seen. */
export interface Seen {
  readonly a: number;
  readonly b: number;
}

/** The fixture `counter`, loaded: two programs that count into different places, and a map of each kind to attach them to. */
export class Counter {
  readonly bpf: Ebpf;
  readonly a: SkMsg;
  readonly b: SkMsg;
  readonly hash: SockHash<number>;
  readonly map: SockMap;
  readonly #stats: ArrayMap<bigint>;

  constructor() {
    this.bpf = Ebpf.load(fixture("counter"));
    this.a = this.bpf.program("count_a", SkMsg);
    this.b = this.bpf.program("count_b", SkMsg);
    this.hash = this.bpf.map("SOCKS", SockHash<number>);
    this.map = this.bpf.map("SOCKMAP", SockMap);
    this.#stats = this.bpf.map("STATS", ArrayMap<bigint>, { value: u64 });
    this.bpf.loadAll();
  }

  seen(): Seen {
    return { a: Number(this.#stats.get(0)), b: Number(this.#stats.get(2)) };
  }

  /** What the programs see of one message on a connection, which arrives. */
  async seenOf(pair: Pair): Promise<Seen> {
    const before = this.seen();
    const arrived = receive(pair.peer, 3);
    assert.equal(await write(pair.client, "foo"), undefined);
    assert.equal((await arrived).toString(), "foo");
    const { a, b } = this.seen();
    return { a: a - before.a, b: b - before.b };
  }

  /** What the programs see of one message on a connection that is put into the map now, and then closed. */
  async seenOn(map: SockHash<number> | SockMap): Promise<Seen> {
    await using pair = await tcpPair();
    map.insert(0, pair.client);
    return await this.seenOf(pair);
  }

  [Symbol.dispose](): void {
    this.bpf.close();
  }
}

export const NONE: Seen = { a: 0, b: 0 };
export const ONLY_A: Seen = { a: 1, b: 0 };
export const ONLY_B: Seen = { a: 0, b: 1 };

/** Kernels before 5.18 do not tell what is attached to a sockmap. */
export const canQuery: boolean = kernel >= 518;

/** Ids of the sk_msg programs on a map, as the kernel tells. */
export function attachedIds(map: { readonly fd: number }): readonly number[] {
  return progQuery(map.fd, SK_MSG_VERDICT).programIds;
}

/** Asserts which sk_msg programs the kernel says are attached to a map, where it can say so; traffic shows the rest. */
export function assertAttached(map: { readonly fd: number }, ...programs: readonly SkMsg[]): void {
  if (!canQuery) return;
  assert.deepEqual(
    attachedIds(map),
    programs.map((program) => program.info().id),
  );
}
