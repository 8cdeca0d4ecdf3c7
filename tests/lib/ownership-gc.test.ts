import assert from "node:assert/strict";
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ArrayMap, Ebpf, loadedLinks, ProgramInfo, SkMsg, SockHash, SockMap } from "skmsg";
import { AttachType, linkDetach, progDetach, progQuery } from "skmsg/syscalls";
import { skipBelow, skipWithoutRoot } from "../support/environment.ts";
import { fixture } from "../support/fixtures.ts";
import { countFds, leavesNothing, waitFor } from "../support/leaks.ts";

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");
const skip = skipWithoutRoot;

function gc(): void {
  assert.ok(typeof collect === "function");
  collect();
}

function openFds(): Set<number> {
  return new Set(readdirSync("/proc/self/fd").map(Number));
}

/** What a collected attach leaves open on purpose, as only the end of the process would close it. */
function closeLeft(before: ReadonlySet<number>): void {
  for (const fd of openFds()) if (!before.has(fd) && readlink(fd).startsWith("anon_inode:")) closeSync(fd);
}

function readlink(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The one that read the folder.
    return "";
  }
}

/** The warnings of this package while `action` runs and until a condition holds. */
async function warnings(what: string, until: () => boolean): Promise<Error[]> {
  const seen: Error[] = [];
  const listen = (warning: Error): void => {
    if (warning.name === "SkmsgWarning") seen.push(warning);
  };
  process.on("warning", listen);
  await waitFor(what, () => {
    gc();
    return until();
  });
  // A second warning would come with the next collection.
  for (let round = 0; round < 3; round++) {
    gc();
    await new Promise(setImmediate);
  }
  process.off("warning", listen);
  return seen;
}

test("a map and a program that are dropped are closed, with one warning each", { skip }, async () => {
  await leavesNothing(async () => {
    const fds = countFds();
    let names: string[] = [];
    (() => {
      const map = ArrayMap.create({ name: "dropped_map", maxEntries: 1 });
      const bpf = Ebpf.load(fixture("pass"));
      bpf.loadAll();
      const program = bpf.program("pass");
      names = [
        `ArrayMap "dropped_map" (id ${map.id})`,
        `SockHash "HASH" (id ${bpf.map("HASH").id})`,
        `SockMap "MAP" (id ${bpf.map("MAP").id})`,
        `SkMsg "pass" (id ${program.info().id})`,
      ];
    })();
    const seen = await warnings("the fds to be closed", () => countFds() <= fds);
    const texts = seen.map(({ message }) => message).sort();
    assert.deepEqual(
      texts,
      names
        .sort()
        .map((name) => `${name} was garbage collected without close(); its file descriptor has been closed now.`),
    );
    for (const warning of seen) {
      assert.equal(Reflect.get(warning, "code"), "SKMSG_UNCLOSED");
      assert.match(String(Reflect.get(warning, "detail")), /close\(\).*using/);
    }
  });
});

test("what was closed gives no warning", { skip }, async () => {
  await leavesNothing(async () => {
    const collected = new FinalizationRegistry(() => {
      gone = true;
    });
    let gone = false;
    (() => {
      using bpf = Ebpf.load(fixture("pass"));
      bpf.loadAll();
      bpf.program("pass", SkMsg).attach(bpf.map("HASH", SockHash));
      collected.register(bpf, "");
    })();
    assert.deepEqual(await warnings("the object to be collected", () => gone), []);
  });
});

test("an attached link stays when all objects are collected", { skip: skipBelow("6.10") }, async () => {
  await leavesNothing(async () => {
    using sockets = SockMap.create({ maxEntries: 16 });
    const fds = openFds();
    (() => {
      const bpf = Ebpf.load(fixture("pass"), { maps: { MAP: sockets } });
      bpf.loadAll();
      bpf.program("pass", SkMsg).attach(sockets, { mode: "link" });
    })();
    // The fd of the link itself is the one that nobody closes.
    const seen = await warnings("the program to be closed", () => openFds().size <= fds.size + 1);
    assert.ok(seen.some(({ message }) => message.includes('SkMsg "pass"')));
    const link = [...loadedLinks()].find(({ mapId }) => mapId === sockets.id);
    assert.ok(link, "the link is gone");
    using fd = link.fd();
    linkDetach(fd.fd);
    closeLeft(fds);
  });
});

test("a plain attach stays when all objects are collected", { skip: skipBelow("5.18") }, async () => {
  await leavesNothing(async () => {
    using sockets = SockMap.create({ maxEntries: 16 });
    const fds = openFds();
    (() => {
      const bpf = Ebpf.load(fixture("pass"), { maps: { MAP: sockets } });
      bpf.loadAll();
      bpf.program("pass", SkMsg).attach(sockets, { mode: "prog" });
    })();
    await warnings("the program to be closed", () => openFds().size <= fds.size + 2);
    const [id, ...others] = progQuery(sockets.fd, AttachType.SkMsgVerdict).programIds;
    assert.ok(id !== undefined && others.length === 0, "the program is not attached any more");
    using program = ProgramInfo.fromId(id).fd();
    progDetach({ target_fd: sockets.fd, attach_bpf_fd: program.fd, attach_type: AttachType.SkMsgVerdict });
    closeLeft(fds);
  });
});
