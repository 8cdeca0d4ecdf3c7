/**
 * The JavaScript side, on plain Node and the built package. Reads lines "WORK COUNT" and answers each by one line with
 * the nanoseconds that one of COUNT operations took, as peer.c does. Arguments: an object file.
 */
import { createInterface } from "node:readline";
import { works } from "./works.ts";

const [object = ""] = process.argv.slice(2);

for await (const line of createInterface({ input: process.stdin })) {
  const [name = "", count = "1"] = line.split(" ");
  const work = works[name];
  if (work === undefined) throw new Error(`no such work: ${name}`);
  console.log(Number(await work(Number(count), object)) / Number(count));
}
