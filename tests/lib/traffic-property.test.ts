import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { inVm, kernel, skipWithoutRoot } from "../support/environment.ts";
import { Inbox } from "../support/inbox.ts";
import type { Answer } from "../support/reference.ts";
import * as reference from "../support/reference.ts";
import { tcpPair, write } from "../support/sockets.ts";
import { numbersOf, Traffic, type TrafficProgram } from "../support/traffic.ts";

const numRuns = inVm ? 6 : 60;
/** Longer ones can be in several pieces, in which the helpers of older kernels err. */
const LONGEST = kernel < 613 ? 900 : 8000;

const data = fc.uint8Array({ minLength: 1, maxLength: LONGEST, size: "max" });
const messages = fc.array(data, { minLength: 1, maxLength: 8 });
const offset = fc.oneof(fc.nat(8), fc.nat(LONGEST));

/** One connection with the program on it: what arrives and what it counts are the reference's. */
async function check(
  program: TrafficProgram,
  config: Parameters<Traffic["configure"]>[0],
  sent: readonly Uint8Array[],
  expected: Answer,
): Promise<void> {
  using traffic = new Traffic();
  traffic.configure(config);
  traffic.attach(program);
  await using pair = await tcpPair();
  traffic.hash.insert(1, pair.client);
  const inbox = new Inbox(pair.peer);
  for (const one of sent) assert.equal(await write(pair.client, one), undefined);
  await inbox.until(expected.arrives.length);
  pair.client.end();
  assert.ok((await inbox.end()).equals(expected.arrives), "the bytes that arrived");
  assert.deepEqual(traffic.stats(program), numbersOf(expected));
}

describe("any messages with any settings come out as the reference says", { skip: skipWithoutRoot }, () => {
  it("apply", () =>
    fc.assert(
      fc.asyncProperty(messages, offset, (sent, apply) =>
        check("apply", { apply }, sent, reference.apply(sent, apply)),
      ),
      { numRuns },
    ));

  it("cork", () =>
    fc.assert(
      fc.asyncProperty(messages, offset, (sent, cork) => check("cork", { cork }, sent, reference.cork(sent, cork))),
      { numRuns },
    ));

  it("push", () =>
    fc.assert(
      fc.asyncProperty(messages, offset, (all, pushAt) => {
        // Just at the end older kernels refuse.
        const sent = all.filter(({ length }) => length !== pushAt);
        return check("push", { pushAt }, sent, reference.push(sent, pushAt));
      }),
      { numRuns },
    ));

  it("pull", () =>
    fc.assert(
      fc.asyncProperty(messages, offset, offset, (sent, pullStart, pullEnd) =>
        check("pull", { pullStart, pullEnd }, sent, reference.pull(sent, pullStart, pullEnd)),
      ),
      { numRuns },
    ));

  it("pop", () =>
    fc.assert(
      fc.asyncProperty(messages, offset, offset, (all, popStart, popLength) => {
        const sent = all.filter(({ length }) => length !== popStart + popLength);
        return check("pop", { popStart, popLength }, sent, reference.pop(sent, popStart, popLength));
      }),
      { numRuns },
    ));
});
