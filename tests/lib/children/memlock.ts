/** Lowers RLIMIT_MEMLOCK to nothing, maybe gives up the right to raise it, then makes a map and loads a program; prints a `Memlock`. */
import { Ebpf, HashMap, SkmsgError } from "skmsg";
import { ElfObject } from "skmsg/elf";
import { memoryLock, setMemoryLock } from "skmsg/syscalls";
import { dropCapabilities } from "../../support/capabilities.ts";
import { fixtureBytes } from "../../support/fixtures.ts";

export interface Memlock {
  readonly map: string;
  readonly program: string;
  readonly both: string;
  /** The soft limit afterwards; `null` for unlimited. */
  readonly soft: number | null;
}

function outcome(action: () => Disposable): string {
  try {
    action()[Symbol.dispose]();
    return "ok";
  } catch (error) {
    if (!(error instanceof SkmsgError)) throw error;
    return `${error.code} ${error.errnoName} ${error.message}`;
  }
}

const object = ElfObject.parse(fixtureBytes("counter"));
const noMaps = ElfObject.parse(fixtureBytes("no-btf"));
setMemoryLock({ soft: 0, hard: 0 });
if (process.argv[2] === "drop") dropCapabilities("CAP_SYS_RESOURCE");

const loadAll = (source: ElfObject): Ebpf => {
  const bpf = Ebpf.load(source);
  try {
    bpf.loadAll();
    return bpf;
  } catch (error) {
    bpf.close();
    throw error;
  }
};
const result: Memlock = {
  // 4 MiB.
  map: outcome(() => HashMap.create({ valueSize: 4096, maxEntries: 1024 })),
  program: outcome(() => loadAll(noMaps)),
  both: outcome(() => loadAll(object)),
  soft: memoryLock().soft,
};
console.log(JSON.stringify(result));
