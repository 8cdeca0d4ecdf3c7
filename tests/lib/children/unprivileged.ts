/** Gives privileges up and tries what needs them; prints a `Tried` as JSON. Arguments: what to give up, a bpffs, a folder. */
import { join } from "node:path";
import {
  ArrayMap,
  Ebpf,
  HashMap,
  LinkInfo,
  listPins,
  loadedLinks,
  loadedMaps,
  loadedPrograms,
  MapInfo,
  mountBpffs,
  openPinned,
  ProgramInfo,
  SkMsg,
  SkmsgError,
  SockMap,
} from "skmsg";
import { ElfObject } from "skmsg/elf";
import { memoryLock } from "skmsg/syscalls";
import { type CapabilityName, dropCapabilities } from "../../support/capabilities.ts";
import { fixtureBytes } from "../../support/fixtures.ts";

/** The error's code and message, or `ok`. */
export type Tried = Record<string, { readonly code: string; readonly message: string }>;

const NOBODY = 65534;

const [drop = "", bpffs = "", folder = ""] = process.argv.slice(2);
// With all privileges: what is to be used without them.
const pass = ElfObject.parse(fixtureBytes("pass"));
const noMaps = ElfObject.parse(fixtureBytes("no-btf"));
const ready = Ebpf.load(pass);
const program = ready.program("pass", SkMsg);
program.load();
program.pin(join(bpffs, "closed", "program"));
program.pin(join(bpffs, "open", "program"));
const map = ready.map("MAP", SockMap);
const { id } = program.info();
const limit = JSON.stringify(memoryLock());

if (drop === "nobody") {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
} else {
  dropCapabilities(...(drop.split(",") as CapabilityName[])); // the test's own words
}

const tries: Record<string, () => unknown> = {
  "create SockMap": () => SockMap.create({ maxEntries: 1 }),
  "create HashMap": () => HashMap.create({ maxEntries: 1 }),
  "create ArrayMap": () => ArrayMap.create({ maxEntries: 1 }),
  "Ebpf.load": () => Ebpf.load(pass),
  load: () => Ebpf.load(noMaps).loadAll(),
  "attach plainly": () => program.detach(program.attach(map, { mode: "prog" })),
  attach: () => program.attach(map),
  loadedPrograms: () => [...loadedPrograms()],
  loadedMaps: () => [...loadedMaps()],
  loadedLinks: () => [...loadedLinks()],
  "ProgramInfo.fromId": () => ProgramInfo.fromId(id),
  "MapInfo.fromId": () => MapInfo.fromId(map.id),
  "LinkInfo.fromId": () => LinkInfo.fromId(1),
  info: () => program.info(),
  mountBpffs: () => mountBpffs(folder),
  "open a pin in a closed folder": () => openPinned(join(bpffs, "closed", "program")),
  "open a closed pin": () => openPinned(join(bpffs, "open", "program")),
  "pin in a closed folder": () => map.pin(join(bpffs, "closed", "map")),
  "pin in a folder of others": () => map.pin(join(bpffs, "open", "map")),
  unpin: () => program.unpin(),
  listPins: () => [...listPins(bpffs)],
};

const tried: Tried = {};
for (const [name, action] of Object.entries(tries))
  try {
    action();
    tried[name] = { code: "ok", message: "" };
  } catch (error) {
    if (!(error instanceof SkmsgError)) throw error;
    tried[name] = { code: error.code, message: error.message };
  }
tried.memlock = { code: JSON.stringify(memoryLock()) === limit ? "same" : "changed", message: limit };
console.log(JSON.stringify(tried));
// What is attached or open goes with the process.
process.exit();
