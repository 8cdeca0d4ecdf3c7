/**
 * A reporter of node:test for a console that the kernel and the tests write to as well: each line of ours
 * begins with a mark. It tells a test's start too, so that one that hangs can be named.
 */

import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

import { MARK, type Report } from "../protocol.ts";

/** A verifier's log can be a megabyte; the serial line is slow. */
const LONGEST = 3000;

function line(report: Report): string {
  // The break before it ends whatever a test has left unfinished on the line.
  return `\n${MARK}${JSON.stringify(report)}\n`;
}

function describe(error: Error): string {
  // node:test wraps what the test threw.
  const whole = inspect(error.cause ?? error, { depth: 3 });
  // Where in Node a test was called from is the same for all.
  const text = whole.replace(/^ +at .*(node:internal|<anonymous>\)).*\n/gm, "");
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const path: string[] = [];
  for await (const event of events) {
    if (event.type === "test:dequeue") {
      yield line({ type: "start", name: event.data.name });
    } else if (event.type === "test:start") {
      path.length = event.data.nesting;
      path.push(event.data.name);
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      path.length = event.data.nesting;
      const name = [...path, event.data.name].join(" > ");
      const { skip, todo } = event.data;
      if (event.type === "test:fail") {
        const { error } = event.data.details;
        const failureType: unknown = Reflect.get(error, "failureType");
        // The failure of a suite, or of a test with subtests, only repeats what is told already.
        if (failureType !== "subtestsFailed") {
          yield line({ type: todo ? "todo" : "fail", name, message: describe(error) });
        }
      } else if (skip !== undefined && skip !== false) {
        yield line({ type: "skip", name, message: typeof skip === "string" && skip !== "" ? skip : "no reason given" });
      } else if (event.data.details.type !== "suite") {
        yield line({ type: todo ? "todo" : "pass", name, message: "" });
      }
    }
  }
}
