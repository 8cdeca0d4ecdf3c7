/** The parts of the runner that need no machine. The rest is tested by its use. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { newestFirst } from "./kernels.ts";
import { MARK, type Report, type Stage } from "./protocol.ts";
import { Console, type FileResult } from "./results.ts";
import { globPattern } from "./select.ts";

function say(value: Report | Stage): string {
  return `${MARK}${JSON.stringify(value)}`;
}

test("the newest package is first, numbers compared as numbers, the kernel itself before its wrapper", () => {
  assert.deepEqual(
    newestFirst([
      "linux-image-6.1.0-9-cloud-amd64",
      "linux-image-6.1.0-56-cloud-amd64",
      "linux-image-7.2.13+deb14-cloud-amd64",
      "linux-binary-7.2.13+deb14-cloud-amd64",
    ]),
    [
      "linux-binary-7.2.13+deb14-cloud-amd64",
      "linux-image-7.2.13+deb14-cloud-amd64",
      "linux-image-6.1.0-56-cloud-amd64",
      "linux-image-6.1.0-9-cloud-amd64",
    ],
  );
});

test("globs", () => {
  const file = "tests/lib/maps/ring.test.ts";
  for (const glob of ["tests/**/*.test.ts", "ring*", "maps/*", "tests/lib/{maps,pins}/*.ts", "r?ng.test.ts"]) {
    assert.match(file, globPattern(glob), glob);
  }
  for (const glob of ["tests/*.test.ts", "ing*", "ringxtest*", "tests/lib/{links,pins}/*"]) {
    assert.doesNotMatch(file, globPattern(glob), glob);
  }
});

test("results are counted among other lines", () => {
  const ended: FileResult[] = [];
  const output = new Console((result) => ended.push(result));
  for (const line of [
    "[    0.1] booting",
    say({ type: "kernel", release: "5.10.0" }),
    say({ type: "file", file: "a.test.ts" }),
    say({ type: "start", name: "one" }),
    say({ type: "pass", name: "one", message: "" }),
    "noise",
    say({ type: "skip", name: "two", message: "no link" }),
    say({ type: "end", exit: 0 }),
    say({ type: "done" }),
  ]) {
    output.line(line);
  }
  output.close("", ["a.test.ts"]);
  assert.equal(output.release, "5.10.0");
  assert.equal(ended.length, 1);
  assert.deepEqual(
    output.files.map(({ passed, skipped, failures }) => ({ passed, skipped: [...skipped], failures })),
    [{ passed: 1, skipped: [["no link", 1]], failures: [] }],
  );
});

test("what a dead machine did not get to has failed, with the console's end and the last test's name", () => {
  const output = new Console(() => {});
  output.line(say({ type: "file", file: "a.test.ts" }));
  output.line(say({ type: "start", name: "one" }));
  output.line("Kernel panic");
  output.close("the time limit", ["a.test.ts", "b.test.ts"]);
  const [first, second] = output.files;
  assert.match(first?.failures[0]?.message ?? "", /one\nKernel panic/);
  assert.equal(second?.failures.length, 1);
});

test("a file that ends badly, or without a test, has failed", () => {
  for (const exit of [0, 1, 137]) {
    const output = new Console(() => {});
    output.line(say({ type: "file", file: "a.test.ts" }));
    output.line(say({ type: "end", exit }));
    assert.equal(output.files[0]?.failures.length, 1, `exit ${exit}`);
  }
});

test("a machine that never speaks has failed", () => {
  const output = new Console(() => {});
  output.line("not a bootable image");
  output.close("before its end", ["a.test.ts"]);
  assert.match(output.files[0]?.failures[0]?.message ?? "", /not a bootable image/);
});
