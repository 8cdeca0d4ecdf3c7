import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { skipWithoutRoot } from "../support/environment.ts";
import { Inbox } from "../support/inbox.ts";
import { pass } from "../support/reference.ts";
import { tcpPair, write } from "../support/sockets.ts";
import { message, numbersOf, Traffic } from "../support/traffic.ts";

const SIZES = [1, 3, 100, 1460, 4096, 16_384];
const KEY = 7;

const ROWS = [
  { program: "redirect_egress_hash", kind: "hash", ingress: false },
  { program: "redirect_ingress_hash", kind: "hash", ingress: true },
  { program: "redirect_egress_map", kind: "map", ingress: false },
  { program: "redirect_ingress_map", kind: "map", ingress: true },
] as const;

describe("redirects between TCP sockets", { skip: skipWithoutRoot }, () => {
  for (const { program, kind, ingress } of ROWS) {
    it(`${program}: ${ingress ? "the target receives" : "the target's peer receives"}, byte for byte`, async () => {
      using traffic = new Traffic();
      const sockets = traffic[kind];
      traffic.attach(program, sockets);
      traffic.configure({ key: KEY });
      await using writer = await tcpPair();
      await using target = await tcpPair();
      sockets.insert(0, writer.client);
      sockets.insert(KEY, target.client);
      const arrived = new Inbox(ingress ? target.client : target.peer);
      const elsewhere = [new Inbox(writer.peer), new Inbox(ingress ? target.peer : target.client)];

      const sent = SIZES.map((size, index) => message(size, index));
      const answer = pass(sent);
      let length = 0;
      for (const data of sent) {
        assert.equal(await write(writer.client, data), undefined);
        length += data.length;
        await arrived.until(length);
      }
      // The end of both streams: whatever went astray would be there by now.
      for (const pair of [writer, target]) {
        pair.client.end();
        pair.peer.end();
      }
      assert.ok((await arrived.end()).equals(answer.arrives), "the bytes that arrived");
      for (const inbox of elsewhere) assert.equal((await inbox.end()).length, 0);
      assert.deepEqual(traffic.stats(program), numbersOf(answer));
    });

    it(`${program}: the other of two sockets, as the key says at the moment of writing`, async () => {
      using traffic = new Traffic();
      const sockets = traffic[kind];
      traffic.attach(program, sockets);
      await using writer = await tcpPair();
      await using first = await tcpPair();
      await using second = await tcpPair();
      sockets.insert(0, writer.client);
      sockets.insert(1, first.client);
      sockets.insert(2, second.client);
      const inboxes = [first, second].map((pair) => new Inbox(ingress ? pair.client : pair.peer));
      for (const key of [1, 2, 2, 1]) {
        traffic.configure({ key });
        assert.equal(await write(writer.client, `to ${key};`), undefined);
      }
      await Promise.all(inboxes.map((inbox) => inbox.until(10)));
      assert.deepEqual(
        inboxes.map(({ bytes }) => bytes.toString()),
        ["to 1;to 1;", "to 2;to 2;"],
      );
    });

    it(`${program} to an empty slot: the writer gets EACCES, nothing arrives`, async () => {
      using traffic = new Traffic();
      const sockets = traffic[kind];
      traffic.attach(program, sockets);
      traffic.configure({ key: KEY });
      await using writer = await tcpPair();
      sockets.insert(0, writer.client);
      const inbox = new Inbox(writer.peer);
      assert.equal((await write(writer.client, "lost"))?.code, "EACCES");
      assert.equal((await inbox.end()).length, 0);
      assert.deepEqual(traffic.stats(program), { calls: 1, bytes: 4, failures: 0 });
    });

    it(`${program} to a socket that has closed meanwhile: its slot is empty, and the writer gets EACCES`, async () => {
      using traffic = new Traffic();
      const sockets = traffic[kind];
      traffic.attach(program, sockets);
      traffic.configure({ key: KEY });
      await using writer = await tcpPair();
      sockets.insert(0, writer.client);
      {
        await using target = await tcpPair();
        sockets.insert(KEY, target.client);
        assert.equal(sockets.has(KEY), true);
      }
      assert.equal(sockets.has(KEY), false);
      assert.equal((await write(writer.client, "lost"))?.code, "EACCES");
    });
  }

  it("ingress into the writer's own peer arrives as if it had been sent", async () => {
    using traffic = new Traffic();
    traffic.attach("redirect_ingress_hash");
    traffic.configure({ key: KEY });
    await using pair = await tcpPair();
    traffic.hash.insert(0, pair.client);
    traffic.hash.insert(KEY, pair.peer);
    const inbox = new Inbox(pair.peer);
    const sent = SIZES.map((size, index) => message(size, index));
    for (const data of sent) assert.equal(await write(pair.client, data), undefined);
    await inbox.until(pass(sent).arrives.length);
    pair.client.end();
    assert.ok((await inbox.end()).equals(pass(sent).arrives));
  });
});
