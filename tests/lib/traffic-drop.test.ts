import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { skipWithoutRoot } from "../support/environment.ts";
import { Inbox } from "../support/inbox.ts";
import { rawWrite } from "../support/rawFd.ts";
import { tcpPair, write } from "../support/sockets.ts";
import { message, Traffic } from "../support/traffic.ts";

describe("DROP", { skip: skipWithoutRoot }, () => {
  for (const size of [1, 1000, 16_384])
    it(`of ${size} bytes: the writer gets EACCES, nothing arrives`, async () => {
      using traffic = new Traffic();
      traffic.attach("drop");
      await using pair = await tcpPair();
      traffic.hash.insert(1, pair.client);
      const inbox = new Inbox(pair.peer);
      const error = await write(pair.client, message(size));
      assert.equal(error?.code, "EACCES");
      // Node destroys a socket at its first error of writing.
      if (!pair.client.closed) await once(pair.client, "close");
      assert.equal((await inbox.end()).length, 0);
      assert.deepEqual(traffic.stats("drop"), { calls: 1, bytes: size, failures: 0 });
    });

  it("sticks to the socket: later messages are dropped without asking the program, until it leaves the map", async () => {
    using traffic = new Traffic();
    const id = traffic.attach("drop");
    await using pair = await tcpPair();
    const inbox = new Inbox(pair.peer);
    traffic.hash.insert(1, pair.client);
    assert.equal(rawWrite(pair.client, "one"), "EACCES");
    assert.equal(rawWrite(pair.client, "two"), "EACCES");
    assert.deepEqual(traffic.stats("drop"), { calls: 1, bytes: 3, failures: 0 });

    // Also another program, or none, changes nothing for this socket.
    traffic.program("drop").detach(id);
    traffic.attach("pass");
    assert.equal(rawWrite(pair.client, "three"), "EACCES");
    assert.equal(traffic.stats("pass").calls, 0);

    assert.equal(traffic.hash.delete(1), true);
    assert.equal(rawWrite(pair.client, "four"), 4);
    pair.client.end();
    assert.equal((await inbox.end()).toString(), "four");
  });

  it("concerns that socket only", async () => {
    using traffic = new Traffic();
    traffic.attach("drop");
    await using dropped = await tcpPair();
    await using other = await tcpPair();
    traffic.hash.insert(1, dropped.client);
    const inbox = new Inbox(other.peer);
    assert.equal(rawWrite(dropped.client, "x"), "EACCES");
    assert.equal(await write(other.client, "free"), undefined);
    await inbox.until(4);
    // The other direction of the same connection is free, too.
    const back = new Inbox(dropped.client);
    assert.equal(await write(dropped.peer, "back"), undefined);
    await back.until(4);
    assert.equal(back.bytes.toString(), "back");
  });

  it("of part of a stream: what passed before arrives", async () => {
    using traffic = new Traffic();
    const id = traffic.attach("pass");
    await using pair = await tcpPair();
    const inbox = new Inbox(pair.peer);
    traffic.hash.insert(1, pair.client);
    assert.equal(await write(pair.client, "before"), undefined);
    traffic.program("pass").detach(id);
    traffic.attach("drop");
    // A program is bound to a socket when it is inserted.
    traffic.hash.delete(1);
    traffic.hash.insert(1, pair.client);
    assert.equal((await write(pair.client, "after"))?.code, "EACCES");
    assert.equal((await inbox.end()).toString(), "before");
  });
});
