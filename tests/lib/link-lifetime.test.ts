import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import {
  ArrayMap,
  AttachType,
  LinkInfo,
  LinkType,
  listPins,
  loadedLinks,
  openPinned,
  PinnedLink,
  ProgramInfo,
  SkMsg,
  SkMsgLink,
  SockHash,
} from "skmsg";
import { progDetach } from "skmsg/syscalls";
import { Child } from "../support/children.ts";
import { assertAttached, attachedIds, Counter, canQuery, NONE, ONLY_A, ONLY_B } from "../support/counter.ts";
import { inVm, ownBpffs } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { waitFor } from "../support/leaks.ts";
import { skipMode } from "../support/modes.ts";
import { receive, tcpPair, write } from "../support/sockets.ts";

const bpffs = ownBpffs();
const script = new URL("./children/attach.ts", import.meta.url);

interface Said {
  readonly programId: number;
  readonly linkId?: number;
}

let count = 0;

/** A pinned SockHash of its own. */
function pinnedMap(): { map: SockHash<number>; pin: string } {
  const pin = join(bpffs, `map${count++}`);
  const map = SockHash.create<number>({ maxEntries: 4 });
  map.pin(pin);
  return { map, pin };
}

// A process takes half a minute to start in an emulated machine.
for (const how of inVm ? (["kill"] as const) : (["exit", "kill"] as const))
  describe(`a process attaches and ends by ${how}`, () => {
    it("in mode link nothing is left", { skip: skipMode("link") }, async () => {
      const { map, pin } = pinnedMap();
      using _ = map;
      await using child = new Child(script, "link", pin);
      const { programId } = await child.says<Said>();
      assert.deepEqual(attachedIds(map), [programId]);
      assert.equal([...loadedLinks()].filter(({ mapId }) => mapId === map.id).length, 1);
      await child.end(how);
      await waitFor("the link goes with its process", () => attachedIds(map).length === 0);
      assert.equal([...loadedLinks()].filter(({ mapId }) => mapId === map.id).length, 0);
      await waitFor("the program goes too", () => isGone(() => ProgramInfo.fromId(programId)));
    });

    it("in mode prog the program stays on the map", { skip: skipMode("prog") }, async () => {
      const { map, pin } = pinnedMap();
      using _ = map;
      await using child = new Child(script, "prog", pin);
      const { programId } = await child.says<Said>();
      await child.end(how);
      const left = ProgramInfo.fromId(programId);
      assert.equal(left.name, "count_a");
      if (canQuery) assert.deepEqual(attachedIds(map), [programId]);
      // It is at work, and another process can take it off.
      await using pair = await tcpPair();
      map.insert(0, pair.client);
      const arrived = receive(pair.peer, 3);
      await write(pair.client, "foo");
      await arrived;
      using stats = ArrayMap.fromId<ArrayMap>(left.mapIds[0] ?? 0);
      assert.equal(stats.get(0), 1n);
      using program = SkMsg.fromProgramInfo(left);
      if (canQuery) throwsCode(() => program.attach(map), "ERR_ALREADY_ATTACHED");
      progDetach({ attach_bpf_fd: program.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict });
      if (canQuery) assert.deepEqual(attachedIds(map), []);
    });

    it("a link that it pinned stays", { skip: skipMode("link") }, async () => {
      const { map, pin } = pinnedMap();
      using _ = map;
      const path = join(bpffs, `link-${how}`);
      await using child = new Child(script, "link", pin, path);
      const { programId, linkId } = await child.says<Said>();
      await child.end(how);
      assert.deepEqual(attachedIds(map), [programId]);
      using link = PinnedLink.fromPin(path);
      assert.deepEqual([link.id, link.info().programId, link.info().mapId], [linkId, programId, map.id]);
      link.unpin().detach();
      assert.deepEqual(attachedIds(map), []);
      assert.equal(existsSync(path), false);
    });
  });

function isGone(open: () => unknown): boolean {
  try {
    open();
    return false;
  } catch {
    return true;
  }
}

describe("a pinned link", { skip: skipMode("link") }, () => {
  let pins = 0;
  const newPath = (): string => join(bpffs, `pinned${pins++}`);

  function pinOne(counter: Counter, path: string): PinnedLink {
    const { a, hash } = counter;
    return a.takeLink(a.attach(hash, { mode: "link" })).pin(path);
  }

  it("survives closing of itself, its program and its object", async () => {
    using counter = new Counter();
    const path = newPath();
    const link = pinOne(counter, path);
    const { id } = link;
    link.close();
    assert.equal(link.closed, true);
    throwsCode(() => link.info(), "ERR_CLOSED");
    counter.a.close();
    assert.deepEqual(await counter.seenOn(counter.hash), ONLY_A);
    using map = SockHash.fromId<SockHash<number>>(counter.hash.id);
    counter.bpf.close();
    assert.equal(attachedIds(map).length, 1);
    assert.equal(LinkInfo.fromPin(path).id, id);
    PinnedLink.fromPin(path).detach();
    assert.deepEqual(attachedIds(map), []);
  });

  it("is found: by its folder, its path, and among all links", () => {
    using counter = new Counter();
    const path = newPath();
    using link = pinOne(counter, path);
    const { id } = link;
    assert.equal(link.path, path);
    assert.ok([...listPins(bpffs)].includes(path));
    const opened = openPinned(path);
    assert.ok(opened instanceof PinnedLink);
    assert.deepEqual([opened.id, opened.path], [id, path]);
    opened.close();
    const info = [...loadedLinks()].find((one) => one.id === id);
    assert.deepEqual(info, link.info());
    assert.deepEqual(
      [info?.type, info?.programId, info?.mapId],
      [LinkType.SockMap, counter.a.info().id, counter.hash.id],
    );
    link.detach();
  });

  it("holds the place against others, and takes another program", async () => {
    using counter = new Counter();
    using link = pinOne(counter, newPath());
    throwsCode(() => counter.b.attach(counter.hash, { mode: "prog" }), "ERR_LINK_BUSY");
    link.update(counter.b, { expected: counter.a });
    assert.deepEqual(await counter.seenOn(counter.hash), ONLY_B);
    link.detach();
    assert.deepEqual(await counter.seenOn(counter.hash), NONE);
  });

  it("unpin gives the link, attached still, to the caller", async () => {
    using counter = new Counter();
    const path = newPath();
    const pinned = pinOne(counter, path);
    const { id } = pinned;
    const link = pinned.unpin();
    assert.ok(link instanceof SkMsgLink);
    assert.equal(link.id, id);
    assert.equal(existsSync(path), false);
    throwsCode(() => pinned.unpin(), "ERR_CLOSED");
    throwsCode(() => PinnedLink.fromPin(path), "ERR_NO_SUCH_PIN");
    assert.deepEqual(await counter.seenOn(counter.hash), ONLY_A);
    const again = link.pin(path);
    assert.equal(LinkInfo.fromPin(path).id, id);
    again.unpin()[Symbol.dispose]();
    assertAttached(counter.hash);
  });

  it("unpin leaves a path that is another's by now", () => {
    using counter = new Counter();
    using other = new Counter();
    const path = newPath();
    const first = pinOne(counter, path);
    PinnedLink.fromPin(path).unpin();
    using second = pinOne(other, path);
    first.unpin().detach();
    assert.equal(LinkInfo.fromPin(path).id, second.id);
    second.detach();
  });

  it("PinnedLink.fromPin says what is there where it is no link", () => {
    using counter = new Counter();
    const [program, map] = [newPath(), newPath()];
    counter.a.pin(program);
    counter.hash.pin(map);
    throwsCode(() => PinnedLink.fromPin(program), "ERR_UNEXPECTED_LINK_TYPE", /is no link but a program/);
    throwsCode(() => PinnedLink.fromPin(map), "ERR_UNEXPECTED_LINK_TYPE", /is no link but a map/);
    throwsCode(() => PinnedLink.fromPin(newPath()), "ERR_NO_SUCH_PIN");
  });

  it("console.log shows it on one line", () => {
    using counter = new Counter();
    const link = pinOne(counter, newPath());
    assert.equal(inspect(link), `PinnedLink { id: ${link.id} }`);
    link.detach();
    assert.equal(inspect(link), "PinnedLink { closed }");
  });
});
