import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  type AttachOptions,
  Ebpf,
  loadedLinks,
  loadedMaps,
  loadedPrograms,
  PinnedLink,
  SkMsg,
  SockHash,
  SockMap,
} from "skmsg";
import { ElfObject } from "skmsg/elf";
import { inVm, ownBpffs, skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { fixtureBytes } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";
import { tcpPair } from "../support/sockets.ts";

const CYCLES = inVm ? 300 : 10_000;
const object = ElfObject.parse(fixtureBytes("pass"));
const bpffs = ownBpffs();

/** Runs `cycle` over and over; fds, programs, maps, links and BTF must end where they began. */
async function cycles(cycle: (round: number) => void): Promise<void> {
  // What is bound, probed and cached once for the process is no leak.
  cycle(0);
  await leavesNothing(() => {
    for (let round = 0; round < CYCLES; round++) cycle(round);
  });
}

for (const mode of ["link", "prog"] as const satisfies readonly AttachOptions["mode"][])
  test(`${CYCLES} times load, attach (${mode}), insert, detach, close`, {
    skip: mode === "link" ? skipBelow("6.10") : skipWithoutRoot,
  }, async () => {
    await using pair = await tcpPair();
    await cycles((round) => {
      using bpf = Ebpf.load(object);
      const program = bpf.program("pass", SkMsg);
      // The two kinds of map in turn.
      const sockets = round % 2 === 0 ? bpf.map("HASH", SockHash<number>) : bpf.map("MAP", SockMap);
      program.load();
      const id = program.attach(sockets, { mode });
      sockets.insert(1, pair.client, 0);
      program.detach(id);
      // A map gives its sockets back only some time after it was closed, and one socket carries one program.
      sockets.delete(1);
    });
  });

test(`${CYCLES} times load, attach, insert, close without a detach`, { skip: skipWithoutRoot }, async () => {
  await using pair = await tcpPair();
  await cycles(() => {
    using bpf = Ebpf.load(object);
    const program = bpf.program("pass", SkMsg);
    const sockets = bpf.map("HASH", SockHash<number>);
    program.load();
    program.attach(sockets);
    sockets.insert(1, pair.client, 0);
    sockets.delete(1);
  });
});

test(`${CYCLES} times pin, fromPin, unpin`, { skip: skipWithoutRoot }, async () => {
  await leavesNothing(async () => {
    using bpf = Ebpf.load(object);
    const program = bpf.program("pass", SkMsg);
    const map = bpf.map("HASH", SockHash<number>);
    program.load();
    await cycles((round) => {
      const path = join(bpffs, `pin${round % 7}`);
      program.pin(path);
      SkMsg.fromPin(path).close();
      program.unpin();
      map.pin(path);
      {
        using found = SockHash.fromPin(path);
        assert.equal(found.id, map.id);
        found.unpin();
      }
      map.unpin();
    });
  });
});

test(`${CYCLES} times pin, fromPin, unpin of a link`, { skip: skipBelow("6.10") }, async () => {
  await leavesNothing(async () => {
    using bpf = Ebpf.load(object);
    const program = bpf.program("pass", SkMsg);
    program.load();
    const map = bpf.map("HASH", SockHash<number>);
    let link = program.takeLink(program.attach(map));
    await cycles(() => {
      const path = join(bpffs, "link");
      link.pin(path).close();
      link = PinnedLink.fromPin(path).unpin();
    });
    link.detach();
  });
});

test(`${CYCLES} times loadedPrograms, loadedMaps, loadedLinks in full`, { skip: skipWithoutRoot }, async () => {
  await leavesNothing(async () => {
    using bpf = Ebpf.load(object);
    const program = bpf.program("pass", SkMsg);
    program.load();
    program.attach(bpf.map("HASH", SockHash<number>));
    const { id } = program.info();
    await cycles(() => {
      let found = false;
      for (const info of loadedPrograms()) found ||= info.id === id;
      assert.ok(found);
      for (const info of loadedMaps()) assert.ok(info.id > 0);
      for (const info of loadedLinks()) assert.ok(info.id > 0);
    });
  });
});

test(`${CYCLES} times a walk of what is loaded, left at the first`, { skip: skipWithoutRoot }, async () => {
  await leavesNothing(async () => {
    using bpf = Ebpf.load(object);
    bpf.loadAll();
    await cycles(() => {
      for (const _ of loadedPrograms()) break;
      for (const _ of loadedMaps()) break;
      for (const _ of loadedLinks()) break;
    });
  });
});
