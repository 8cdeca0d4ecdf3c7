import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  ArrayMap,
  BpfMap,
  Ebpf,
  HashMap,
  LinkInfo,
  MapInfo,
  openPinned,
  PinnedLink,
  Program,
  ProgramInfo,
  SkMsg,
  SockHash,
  SockMap,
  u8,
  u32,
} from "skmsg";
import { ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const bpffs = ownBpffs();
const pin = (name: string): string => join(bpffs, name);
const skip = skipWithoutRoot;

/** What we pinned: the kernel puts maps.debug and progs.debug there. */
function pinned(): string[] {
  return readdirSync(bpffs).filter((name) => !name.includes("."));
}

test("Ebpf.load whose n-th map cannot be made closes those before it", { skip }, async () => {
  for (let n = 0; n < 20; n++)
    await leavesNothing(() => {
      const name = `MAP_${String(n).padStart(2, "0")}`;
      const load = (): unknown => Ebpf.load(fixture("many-maps"), { maxEntries: { [name]: 0 } });
      throwsCode(load, "ERR_INVALID_MAP", new RegExp(`"${name}".*EINVAL.*max_entries 0`));
    });
});

test("Ebpf.load that fails after it has pinned maps unpins them, and no others", { skip }, async () => {
  await leavesNothing(() => {
    const load = (): unknown => Ebpf.load(fixture("pin-by-name"), { pinPath: bpffs, maxEntries: { PLAIN: 0 } });
    throwsCode(load, "ERR_INVALID_MAP");
    assert.deepEqual(pinned(), []);
    using other = ArrayMap.create({ maxEntries: 4, valueSize: 8 });
    other.pin(pin("PINNED"));
    throwsCode(load, "ERR_INVALID_MAP");
    assert.deepEqual(pinned(), ["PINNED"]);
    other.unpin();
  });
});

test("Ebpf.load over a pin that does not fit closes what it opened, and the pin stays", { skip }, async () => {
  await leavesNothing(() => {
    using other = HashMap.create({ maxEntries: 4, valueSize: 8 });
    other.pin(pin("PINNED_SOCKETS"));
    const load = (): unknown => Ebpf.load(fixture("pin-by-name"), { pinPath: bpffs });
    throwsCode(load, "ERR_MAP_INCOMPATIBLE", /PINNED_SOCKETS.*type is Hash, and the object wants SockHash/);
    assert.deepEqual(pinned(), ["PINNED_SOCKETS"]);
    assert.equal(MapInfo.fromPin(pin("PINNED_SOCKETS")).id, other.id);
    other.unpin();
    using bpf = Ebpf.load(fixture("pass"));
    bpf.loadAll();
    bpf.program("pass").pin(pin("PINNED"));
    throwsCode(load, "ERR_MAP_INCOMPATIBLE", /should be the map "PINNED", and is a program/);
    bpf.program("pass").unpin();
  });
});

test("Ebpf.load with a given map that does not fit leaves it open", { skip }, async () => {
  await leavesNothing(() => {
    using given = HashMap.create({ maxEntries: 4, valueSize: 8 });
    const load = (): unknown => Ebpf.load(fixture("pass"), { maps: { MAP: given } });
    throwsCode(load, "ERR_MAP_INCOMPATIBLE", /type is Hash, and the object wants SockMap/);
    assert.equal(given.info().id, given.id);
  });
});

test("loadAll is all or nothing", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("types"));
    // The second one to load uses it.
    bpf.map("HASH").close();
    const error = throwsCode(() => bpf.loadAll(), "ERR_CLOSED", /"HASH" has been closed/);
    assert.equal(error.name, "MapError");
    assert.deepEqual(
      [...bpf.programs.values()].filter(({ isLoaded }) => isLoaded),
      [],
    );
  });
});

test("an attach that is refused leaves no link and no fd", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("counter"));
    bpf.loadAll();
    const first = bpf.program("count_a", SkMsg);
    const second = bpf.program("count_b", SkMsg);
    const sockets = bpf.map("SOCKS", SockHash);
    first.attach(sockets);
    for (const mode of ["auto", "link", "prog"] as const)
      throwsCode(() => first.attach(sockets, { mode }), "ERR_ALREADY_ATTACHED");
    throwsCode(() => second.attach(bpf.map("STATS").fd), "ERR_UNEXPECTED_MAP_TYPE");
    assert.equal(second.links.length, 0);
  });
});

test("a link that refuses another one leaves nothing of it", { skip: skipBelow("6.10") }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("counter"));
    bpf.loadAll();
    const second = bpf.program("count_b", SkMsg);
    const sockets = bpf.map("SOCKS", SockHash);
    bpf.program("count_a", SkMsg).attach(sockets, { mode: "link" });
    for (const mode of ["auto", "link", "prog"] as const)
      throwsCode(() => second.attach(sockets, { mode }), "ERR_LINK_BUSY");
    assert.equal(second.links.length, 0);
  });
});

test("fromPin of another kind, or another type, closes what it opened", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("types"));
    const sockOps = bpf.program("sock_ops");
    sockOps.load();
    sockOps.pin(pin("sockops"));
    using map = HashMap.create({ maxEntries: 1 });
    map.pin(pin("map"));
    const table: [string, () => unknown, string, RegExp][] = [
      ["SkMsg of a map", () => SkMsg.fromPin(pin("map")), "ERR_UNEXPECTED_PROGRAM_TYPE", /is no program but a map/],
      ["Program of a map", () => Program.fromPin(pin("map")), "ERR_UNEXPECTED_PROGRAM_TYPE", /no program but a map/],
      ["ProgramInfo of a map", () => ProgramInfo.fromPin(pin("map")), "ERR_UNEXPECTED_PROGRAM_TYPE", /but a map/],
      [
        "SkMsg of sockops",
        () => SkMsg.fromPin(pin("sockops")),
        "ERR_UNEXPECTED_PROGRAM_TYPE",
        /type SockOps, and SkMsg/,
      ],
      [
        "HashMap of a program",
        () => HashMap.fromPin(pin("sockops")),
        "ERR_UNEXPECTED_MAP_TYPE",
        /no map but a program/,
      ],
      ["MapInfo of a program", () => MapInfo.fromPin(pin("sockops")), "ERR_UNEXPECTED_MAP_TYPE", /but a program/],
      ["SockMap of a hash", () => SockMap.fromPin(pin("map")), "ERR_UNEXPECTED_MAP_TYPE", /is a Hash map, and SockMap/],
      ["PinnedLink of a map", () => PinnedLink.fromPin(pin("map")), "ERR_UNEXPECTED_LINK_TYPE", /no link but a map/],
      ["LinkInfo of a program", () => LinkInfo.fromPin(pin("sockops")), "ERR_UNEXPECTED_LINK_TYPE", /but a program/],
      ["SkMsg of that info", () => SkMsg.fromProgramInfo(sockOps.info()), "ERR_UNEXPECTED_PROGRAM_TYPE", /SockOps/],
      ["SkMsg of that fd", () => SkMsg.fromFd(sockOps.fd), "ERR_UNEXPECTED_PROGRAM_TYPE", /SockOps/],
      ["SockMap of that info", () => SockMap.fromMapInfo(map.info()), "ERR_UNEXPECTED_MAP_TYPE", /Hash/],
      ["SockMap of that id", () => SockMap.fromId(map.id), "ERR_UNEXPECTED_MAP_TYPE", /Hash/],
      ["SockMap of that fd", () => SockMap.fromFd(map.fd), "ERR_UNEXPECTED_MAP_TYPE", /Hash/],
    ];
    const fds = readdirSync("/proc/self/fd").length;
    for (const [what, action, code, message] of table) {
      throwsCode(action, code, message);
      assert.equal(readdirSync("/proc/self/fd").length, fds, what);
    }
    // The right questions, to see that the wrong ones changed nothing.
    openPinned(pin("sockops"))[Symbol.dispose]();
    openPinned(pin("map"))[Symbol.dispose]();
    sockOps.unpin();
    map.unpin();
  });
});

test("a pinned link is no program and no map", { skip: skipBelow("6.10") }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("pass"));
    bpf.loadAll();
    const program = bpf.program("pass", SkMsg);
    using link = program.takeLink(program.attach(bpf.map("MAP", SockMap))).pin(pin("link"));
    throwsCode(() => SkMsg.fromPin(pin("link")), "ERR_UNEXPECTED_PROGRAM_TYPE", /no program but a link/);
    throwsCode(() => BpfMap.fromPin(pin("link")), "ERR_UNEXPECTED_MAP_TYPE", /no map but a link/);
    link.unpin().detach();
  });
});

test("fromFd of what is no such fd", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("pass"));
    bpf.loadAll();
    const { fd: program } = bpf.program("pass");
    const { fd: map } = bpf.map("MAP");
    const file = openSync("/dev/null", "r");
    const takers: [string, string, (fd: number) => unknown][] = [
      ["program", "ERR_UNEXPECTED_PROGRAM_TYPE", (fd) => Program.fromFd(fd)],
      ["program", "ERR_UNEXPECTED_PROGRAM_TYPE", (fd) => SkMsg.fromFd(fd)],
      ["program", "ERR_UNEXPECTED_PROGRAM_TYPE", (fd) => ProgramInfo.fromFd(fd)],
      ["map", "ERR_UNEXPECTED_MAP_TYPE", (fd) => BpfMap.fromFd(fd)],
      ["map", "ERR_UNEXPECTED_MAP_TYPE", (fd) => SockMap.fromFd(fd)],
      ["map", "ERR_UNEXPECTED_MAP_TYPE", (fd) => MapInfo.fromFd(fd)],
      ["link", "ERR_UNEXPECTED_LINK_TYPE", (fd) => LinkInfo.fromFd(fd)],
    ];
    for (const [kind, code, take] of takers) {
      for (const bad of [-1, 1.5, Number.NaN, 2 ** 31 - 1, 2 ** 32])
        throwsCode(() => take(bad), "ERR_BAD_FD", new RegExp(`fd ${bad}.*not open`));
      throwsCode(() => take(file), code, new RegExp(`fd ${file} is no ${kind} but something else`));
      if (kind !== "program") throwsCode(() => take(program), code, /but a program/);
      if (kind !== "map") throwsCode(() => take(map), code, /but a map/);
    }
    closeSync(file);
  });
});

test("codecs that do not fit the map open nothing", { skip }, async () => {
  await leavesNothing(() => {
    using bpf = Ebpf.load(fixture("hash-array"));
    throwsCode(() => bpf.map("HASH_U64", HashMap, { key: u32 }), "ERR_INVALID_SIZE", /4 bytes.*key.*8 bytes/);
    throwsCode(() => bpf.map("ARRAY_U32", ArrayMap, { value: u8 }), "ERR_INVALID_SIZE", /1 bytes.*value.*4 bytes/);
    throwsCode(() => HashMap.create({ maxEntries: 1, key: u32, keySize: 8 }), "ERR_INVALID_SIZE");
  });
});
