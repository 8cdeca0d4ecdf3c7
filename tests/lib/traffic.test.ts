import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kernel, skipWithoutRoot } from "../support/environment.ts";
import { Inbox } from "../support/inbox.ts";
import type { Answer } from "../support/reference.ts";
import * as reference from "../support/reference.ts";
import { tcpPair, write } from "../support/sockets.ts";
import { message, numbersOf, Traffic, type TrafficProgram } from "../support/traffic.ts";

/** The helpers of older kernels err where a message is in several pieces, as long ones can be. */
const MENDED = 613;
const EINVAL = 22;

const SIZES = [1, 2, 5, 64, 1000, 4096, 16_384];
const SHORT = kernel < MENDED ? SIZES.filter((size) => size <= 1000) : SIZES;
const messages = (sizes: readonly number[]): Uint8Array[] => sizes.map((size, index) => message(size, index));

interface Row {
  readonly what: string;
  readonly program: TrafficProgram;
  readonly config?: Parameters<Traffic["configure"]>[0];
  readonly sizes: readonly number[];
  readonly expected: (messages: readonly Uint8Array[]) => Answer;
}

const ROWS: readonly Row[] = [
  { what: "PASS", program: "pass", sizes: SIZES, expected: reference.pass },
  ...[1, 5, 100, 5000].map(
    (bytes): Row => ({
      what: `apply ${bytes}`,
      program: "apply",
      config: { apply: bytes },
      sizes: bytes < 100 ? [1, 3, 12, 100, 2, 2, 2] : SIZES,
      expected: (all) => reference.apply(all, bytes),
    }),
  ),
  { what: "apply 0", program: "apply", config: { apply: 0 }, sizes: SIZES, expected: (all) => reference.apply(all, 0) },
  ...[
    { bytes: 10, sizes: [3, 3, 4, 20, 9, 1, 9, 30] },
    { bytes: 5000, sizes: [1, 4999, 5000, 4096, 16_384] },
    { bytes: 100, sizes: Array.from({ length: 100 }, () => 1) },
    { bytes: 0, sizes: SIZES },
  ].map(
    ({ bytes, sizes }): Row => ({
      what: `cork ${bytes}`,
      program: "cork",
      config: { cork: bytes },
      sizes,
      expected: (all) => reference.cork(all, bytes),
    }),
  ),
  ...[0, 1, 3, 500].map(
    (at): Row => ({
      what: `push at ${at}`,
      program: "push",
      config: { pushAt: at },
      // Just at the end is an error on older kernels.
      sizes: SHORT.filter((size) => size !== at),
      expected: (all) => reference.push(all, at),
    }),
  ),
  ...(
    [
      [0, 1],
      [0, 5],
      [2, 5],
      [1, 64],
      [10, 900],
      [3, 3],
      [5, 2],
    ] as const
  ).map(
    ([start, end]): Row => ({
      what: `pull ${start} to ${end}`,
      program: "pull",
      config: { pullStart: start, pullEnd: end },
      sizes: SHORT,
      expected: (all) => reference.pull(all, start, end),
    }),
  ),
  ...(
    [
      [0, 1],
      [0, 3],
      [2, 1],
      [1, 40],
      [500, 400],
      [4, 0],
    ] as const
  ).map(
    ([start, length]): Row => ({
      what: `pop ${length} at ${start}`,
      program: "pop",
      config: { popStart: start, popLength: length },
      // Up to just the end is an error on older kernels.
      sizes: SHORT.filter((size) => size !== start + length),
      expected: (all) => reference.pop(all, start, length),
    }),
  ),
];

describe("what a program makes of a TCP stream, byte for byte", { skip: skipWithoutRoot }, () => {
  for (const { what, program, config = {}, sizes, expected } of ROWS)
    it(what, async () => {
      using traffic = new Traffic();
      traffic.configure(config);
      traffic.attach(program);
      await using pair = await tcpPair();
      traffic.hash.insert(1, pair.client);
      const inbox = new Inbox(pair.peer);
      const sent = messages(sizes);
      const answer = expected(sent);
      for (const data of sent) assert.equal(await write(pair.client, data), undefined);
      await inbox.until(answer.arrives.length);
      pair.client.end();
      assert.ok((await inbox.end()).equals(answer.arrives), "the bytes that arrived");
      assert.deepEqual(traffic.stats(program), numbersOf(answer));
      assert.equal(traffic.lastFailure(program), answer.failures > 0 ? EINVAL : 0);
    });

  it("at the end: push appends and pop removes", { skip: kernel < MENDED && "needs Linux 6.13" }, async () => {
    using traffic = new Traffic();
    traffic.configure({ pushAt: 5, popStart: 2, popLength: 3 });
    for (const [program, expected] of [
      ["push", Buffer.from("12345PUSH")],
      ["pop", Buffer.from("12")],
    ] as const) {
      const id = traffic.attach(program);
      await using pair = await tcpPair();
      traffic.hash.insert(1, pair.client);
      const inbox = new Inbox(pair.peer);
      assert.equal(await write(pair.client, "12345"), undefined);
      pair.client.end();
      assert.deepEqual(await inbox.end(), expected);
      traffic.program(program).detach(id);
    }
  });

  it("a message larger than the socket's buffer arrives whole, in as many calls as it takes", async () => {
    using traffic = new Traffic();
    traffic.attach("pass");
    await using pair = await tcpPair();
    traffic.hash.insert(1, pair.client);
    const inbox = new Inbox(pair.peer);
    const data = message(1_000_000);
    assert.equal(await write(pair.client, data), undefined);
    pair.client.end();
    assert.ok((await inbox.end()).equals(data));
    const { calls, bytes } = traffic.stats("pass");
    assert.equal(bytes, data.length);
    assert.ok(calls > 1);
  });

  it("only what the sockets in the map send is seen, and only in their direction", async () => {
    using traffic = new Traffic();
    traffic.attach("pass");
    await using pair = await tcpPair();
    await using other = await tcpPair();
    traffic.hash.insert(1, pair.client);
    const inboxes = [new Inbox(pair.client), new Inbox(other.peer)];
    assert.equal(await write(pair.peer, "from the peer"), undefined);
    assert.equal(await write(other.client, "from another"), undefined);
    await Promise.all([inboxes[0]?.until(13), inboxes[1]?.until(12)]);
    assert.equal(traffic.stats("pass").calls, 0);
  });

  it("a program that is detached sees no more of sockets that are inserted later", async () => {
    using traffic = new Traffic();
    const id = traffic.attach("pass");
    traffic.program("pass").detach(id);
    await using pair = await tcpPair();
    traffic.hash.insert(1, pair.client);
    const inbox = new Inbox(pair.peer);
    assert.equal(await write(pair.client, "unseen"), undefined);
    await inbox.until(6);
    assert.equal(traffic.stats("pass").calls, 0);
  });
});
