/**
 * The JavaScript side, on plain Node and the built package. Reads lines "WORK COUNT" and answers each by one line with
 * the nanoseconds that one of COUNT operations took, as peer.c does. Arguments: two object files, the second
 * with CO-RE relocations.
 */
import { createInterface } from "node:readline";
import { type Run, works } from "./works.ts";

const [object = "", coreObject = ""] = process.argv.slice(2);
/** What a work needs is made once for all rounds: the kernel would free it while the other side is being measured. */
const prepared = new Map<string, Run>();

for await (const line of createInterface({ input: process.stdin })) {
  const [name = "", count = "1"] = line.split(" ");
  const run = prepared.get(name) ?? (await works[name]?.(object, coreObject));
  if (run === undefined) throw new Error(`no such work: ${name}`);
  prepared.set(name, run);
  console.log(Number(run(Number(count))) / Number(count));
}
