import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  ArrayMap,
  type AttachOptions,
  BpfMap,
  Ebpf,
  loadedMaps,
  loadedPrograms,
  openPinned,
  PinnedLink,
  Program,
  ProgramInfo,
  SkMsg,
  SkmsgError,
  SockHash,
  SockMap,
  u64,
  type VerifierLogMode,
} from "skmsg";
import { ElfObject } from "skmsg/elf";
import { ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture, fixtureBytes } from "../support/fixtures.ts";
import { countFds, leavesNothing } from "../support/leaks.ts";
import { withFreeFds } from "../support/limits.ts";

/** No constructor needs more fds at a time. */
const ENOUGH = 40;
/** The kernel's refusal, that of a file of /proc, and that of the object file. */
const CODES = ["ERR_TOO_MANY_FILES", "ERR_SYSCALL", "ERR_READ_FILE"];
const bpffs = ownBpffs();
const path = (name: string): string => join(bpffs, name);
const parse = (name: string): ElfObject => ElfObject.parse(fixtureBytes(name));
const pass = parse("pass");
const counter = parse("counter");
const several = parse("several");
const manyMaps = parse("many-maps");
const globals = parse("globals");
const pinByName = parse("pin-by-name");

/** Something made and how to undo it, if it is not closed by `using`. */
type Made = Disposable | (() => void);

interface Scenario {
  readonly name: string;
  readonly skip?: false | string;
  make(): Made;
}

/** What every scenario may use: made with fds to spare, and unchanged by what is refused. */
let bpf: Ebpf;
let program: SkMsg;
let sockets: SockHash<number>;

before(() => {
  if (skipWithoutRoot) return;
  bpf = Ebpf.load(counter);
  program = bpf.program("count_a", SkMsg);
  sockets = bpf.map("SOCKS", SockHash<number>);
  program.load();
  program.pin(path("program"));
  sockets.pin(path("map"));
});

after(() => {
  if (skipWithoutRoot) return;
  program.unpin();
  sockets.unpin();
  bpf.close();
});

const attach = (mode: NonNullable<AttachOptions["mode"]>): Scenario => ({
  name: `attach, mode ${mode}`,
  skip: mode === "link" ? skipBelow("6.10") : skipWithoutRoot,
  make() {
    const id = program.attach(sockets, { mode });
    return () => program.detach(id);
  },
});

const loadAll = (verifierLog: VerifierLogMode): Scenario => ({
  name: `loadAll, log ${verifierLog}`,
  make() {
    const loaded = Ebpf.load(several, { verifierLog });
    try {
      loaded.loadAll();
    } catch (error) {
      assert.ok([...loaded.programs.values()].every(({ isLoaded }) => !isLoaded));
      loaded.close();
      throw error;
    }
    return loaded;
  },
});

const SCENARIOS: readonly Scenario[] = [
  { name: "Ebpf.load of an object", make: () => Ebpf.load(pass) },
  { name: "Ebpf.load of a path", make: () => Ebpf.load(fixture("pass")) },
  { name: "Ebpf.load with twenty maps", make: () => Ebpf.load(manyMaps) },
  { name: "Ebpf.load with data sections", make: () => Ebpf.load(globals) },
  {
    name: "Ebpf.load with maps that are pinned by name",
    make() {
      const loaded = Ebpf.load(pinByName, { pinPath: bpffs });
      return () => {
        for (const map of loaded.maps.values()) map.unpin();
        loaded.close();
      };
    },
  },
  {
    name: "load",
    make() {
      const second = bpf.program("count_b");
      second.load();
      return () => second.unload();
    },
  },
  loadAll("on-error"),
  loadAll("verbose"),
  attach("auto"),
  attach("link"),
  attach("prog"),
  {
    name: "a link pinned, opened and unpinned",
    skip: skipBelow("6.10"),
    make() {
      const link = program.takeLink(program.attach(sockets));
      try {
        link.pin(path("link")).close();
      } finally {
        link[Symbol.dispose]();
      }
      return () => PinnedLink.fromPin(path("link")).unpin().detach();
    },
  },
  { name: "SkMsg.fromPin", make: () => SkMsg.fromPin(path("program")) },
  { name: "SkMsg.fromFd", make: () => SkMsg.fromFd(program.fd) },
  { name: "Program.fromProgramInfo", make: () => Program.fromProgramInfo(program.info()) },
  { name: "ProgramInfo.open", make: () => ProgramInfo.fromId(program.info().id).open() },
  { name: "SockHash.fromPin", make: () => SockHash.fromPin(path("map")) },
  { name: "SockHash.fromFd", make: () => SockHash.fromFd(sockets.fd) },
  { name: "BpfMap.fromId", make: () => BpfMap.fromId(sockets.id) },
  { name: "openPinned of a program", make: () => openPinned(path("program")) },
  { name: "openPinned of a map", make: () => openPinned(path("map")) },
  { name: "SockMap.create", make: () => SockMap.create({ maxEntries: 1 }) },
  { name: "ArrayMap.create", make: () => ArrayMap.create({ maxEntries: 1 }) },
  {
    name: "Ebpf.map with codecs",
    make: () => bpf.map("STATS", ArrayMap, { value: u64 }),
  },
  {
    name: "the walk of what is loaded",
    make() {
      const found = [...loadedPrograms()].length + [...loadedMaps()].length;
      return () => assert.ok(found > 0);
    },
  },
];

for (const { name, skip = skipWithoutRoot, make } of SCENARIOS)
  test(`${name}: fails with EMFILE at each fd, until there are enough`, { skip }, () =>
    leavesNothing(() => {
      for (let free = 0; ; free++) {
        assert.ok(free < ENOUGH, "it never worked");
        const fds = countFds();
        const pins = readdirSync(bpffs);
        let made: Made;
        try {
          made = withFreeFds(free, make);
        } catch (error) {
          assert.ok(error instanceof SkmsgError, String(error));
          assert.match(error.message, /EMFILE/);
          assert.ok(CODES.includes(error.code), error.code);
          assert.deepEqual(readdirSync(bpffs), pins);
          assert.equal(countFds(), fds, `fds after failing with ${free} free`);
          continue;
        }
        assert.ok(free > 0, "it needs no fd at all");
        if (typeof made === "function") made();
        else made[Symbol.dispose]();
        return;
      }
    }),
  );

test("unpin without a free fd says so, and works later", { skip: skipWithoutRoot }, () =>
  leavesNothing(() => {
    using map = ArrayMap.create({ maxEntries: 1 });
    map.pin(path("passing"));
    throwsCode(() => withFreeFds(0, () => map.unpin()), "ERR_TOO_MANY_FILES", /passing.*EMFILE.*RLIMIT_NOFILE/);
    assert.ok(readdirSync(bpffs).includes("passing"));
    map.unpin();
    assert.ok(!readdirSync(bpffs).includes("passing"));
  }),
);
