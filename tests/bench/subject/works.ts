import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { ArrayMap, Ebpf, HashMap, SockHash, u32, u64 } from "skmsg";
import { Btf, ElfObject } from "skmsg/elf";

/** Does `count` operations and gives the nanoseconds that they took, without what leads up to them. */
type Work = (count: number, object: string) => bigint | Promise<bigint>;

const ENTRIES = 1024;
/** Made beforehand: a bigint of the user's is not the map's doing. */
const VALUES: readonly bigint[] = Array.from({ length: ENTRIES }, (_, i) => BigInt(i));

const now = process.hrtime.bigint;
const hash = (maxEntries: number): HashMap<number, bigint> => HashMap.create({ key: u32, value: u64, maxEntries });
const array = (maxEntries: number): ArrayMap<bigint> => ArrayMap.create({ value: u64, maxEntries });

type U64Map = HashMap<number, bigint> | ArrayMap<bigint>;

function fill(map: U64Map, entries: number): void {
  for (let key = 0; key < entries; key++) map.set(key, VALUES[key % ENTRIES] ?? 0n);
}

function lookup(create: (entries: number) => U64Map): Work {
  return (count) => {
    const map = create(ENTRIES);
    fill(map, ENTRIES);
    const start = now();
    for (let i = 0; i < count; i++) {
      if (map.get(i % ENTRIES) === undefined) throw new Error("an entry is not there");
    }
    const took = now() - start;
    map.close();
    return took;
  };
}

function update(create: (entries: number) => U64Map): Work {
  return (count) => {
    const map = create(ENTRIES);
    fill(map, ENTRIES);
    const start = now();
    for (let i = 0; i < count; i++) map.set(i % ENTRIES, VALUES[i % ENTRIES] ?? 0n);
    const took = now() - start;
    map.close();
    return took;
  };
}

/** By name, each the same as in peer.c. */
export const works: Readonly<Record<string, Work>> = {
  "hash-lookup": lookup(hash),
  "hash-update": update(hash),
  "array-lookup": lookup(array),
  "array-update": update(array),

  "hash-delete"(count) {
    const map = hash(count);
    fill(map, count);
    const start = now();
    for (let key = 0; key < count; key++) {
      if (!map.delete(key)) throw new Error("an entry is not there");
    }
    const took = now() - start;
    map.close();
    return took;
  },

  async "sockhash-insert"(count) {
    const server = createServer((peer) => peer.on("error", () => {})).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // a TCP server has no path
    const client = connect(port, "127.0.0.1").on("error", () => {});
    await once(client, "connect");
    const map = SockHash.create({ key: u32, maxEntries: ENTRIES });
    const start = now();
    for (let i = 0; i < count; i++) map.insert(1, client, 0);
    const took = now() - start;
    client.destroy();
    server.close();
    map.close();
    return took;
  },

  parse(count, object) {
    const bytes = readFileSync(object);
    const start = now();
    for (let i = 0; i < count; i++) ElfObject.parse(bytes);
    return now() - start;
  },

  load(count, object) {
    const start = now();
    for (let i = 0; i < count; i++) {
      const bpf = Ebpf.load(object);
      bpf.loadAll();
      bpf.close();
    }
    return now() - start;
  },

  "btf-index"(count) {
    const start = now();
    for (let i = 0; i < count; i++) Btf.parse(readFileSync("/sys/kernel/btf/vmlinux"));
    return now() - start;
  },
};
