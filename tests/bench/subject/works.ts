import { once } from "node:events";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { ArrayMap, Ebpf, HashMap, SockHash, u32, u64 } from "skmsg";
import { Btf, ElfObject } from "skmsg/elf";
import { MAP_PRIVATE, Mapping, PROT_READ } from "skmsg/syscalls";

/** Does `count` operations and gives the nanoseconds that they took. */
export type Run = (count: number) => bigint;
type Work = (object: string, coreObject: string) => Run | Promise<Run>;

const ENTRIES = 1024;
/** Made beforehand: a bigint of the user's is not the map's doing. */
const VALUES: readonly bigint[] = Array.from({ length: ENTRIES }, (_, i) => BigInt(i));

const now = process.hrtime.bigint;
const hash = (): HashMap<number, bigint> => HashMap.create({ key: u32, value: u64, maxEntries: ENTRIES });
const array = (): ArrayMap<bigint> => ArrayMap.create({ value: u64, maxEntries: ENTRIES });

type U64Map = HashMap<number, bigint> | ArrayMap<bigint>;

function fill(map: U64Map): void {
  for (let key = 0; key < ENTRIES; key++) map.set(key, VALUES[key] ?? 0n);
}

function lookup(create: () => U64Map): Work {
  return () => {
    const map = create();
    return (count) => {
      fill(map);
      const start = now();
      for (let i = 0; i < count; i++) {
        if (map.get(i % ENTRIES) === undefined) throw new Error("an entry is not there");
      }
      return now() - start;
    };
  };
}

function update(create: () => U64Map): Work {
  return () => {
    const map = create();
    return (count) => {
      fill(map);
      const start = now();
      for (let i = 0; i < count; i++) map.set(i % ENTRIES, VALUES[i % ENTRIES] ?? 0n);
      return now() - start;
    };
  };
}

async function connectedSocket(): Promise<Socket> {
  const server = createServer((peer) => peer.on("error", () => {}).unref()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has no path
  const client = connect(port, "127.0.0.1").on("error", () => {});
  await once(client, "connect");
  server.unref();
  return client.unref();
}

function load(object: string): Run {
  return (count) => {
    const start = now();
    for (let i = 0; i < count; i++) {
      const bpf = Ebpf.load(object);
      bpf.loadAll();
      bpf.close();
    }
    return now() - start;
  };
}

/** The kernel's types as the library gets at them for CO-RE. */
function kernelBtf(): Uint8Array {
  const fd = openSync("/sys/kernel/btf/vmlinux", "r");
  try {
    return new Mapping(fd, fstatSync(fd).size, PROT_READ, 0, MAP_PRIVATE).bytes;
  } catch {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** By name, each the same as in peer.c. */
export const works: Readonly<Record<string, Work>> = {
  "hash-lookup": lookup(hash),
  "hash-update": update(hash),
  "array-lookup": lookup(array),
  "array-update": update(array),

  "hash-delete"() {
    const map = hash();
    return (count) => {
      let took = 0n;
      for (let done = 0; done < count; ) {
        fill(map);
        const start = now();
        for (let key = 0; key < ENTRIES && done < count; key++, done++) {
          if (!map.delete(key)) throw new Error("an entry is not there");
        }
        took += now() - start;
      }
      return took;
    };
  },

  async "sockhash-insert"() {
    const client = await connectedSocket();
    const map = SockHash.create({ key: u32, maxEntries: ENTRIES });
    return (count) => {
      const start = now();
      for (let i = 0; i < count; i++) map.insert(1, client, 0);
      return now() - start;
    };
  },

  parse(object) {
    const bytes = readFileSync(object);
    return (count) => {
      const start = now();
      for (let i = 0; i < count; i++) ElfObject.parse(bytes);
      return now() - start;
    };
  },

  load: (object) => load(object),
  "load-core": (_, coreObject) => load(coreObject),

  "btf-index"() {
    // koffi is there already when the library comes to it.
    kernelBtf();
    return (count) => {
      const start = now();
      for (let i = 0; i < count; i++) Btf.parse(kernelBtf());
      return now() - start;
    };
  },
};
