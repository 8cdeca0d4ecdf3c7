/**
 * `npm run bench [-- [--json] [ROW ...]]`: the built package against C through libbpf and against bare Node, by turns in
 * one run. Prints medians, their ratio and its spread. A target that is not met is no failure: machines are noisy.
 */
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { skipWithoutRoot } from "../support/environment.ts";
import { type Built, build, run } from "./build.ts";
import { compare } from "./compare.ts";
import { heading, json, machine, type Result, table } from "./report.ts";
import { type Row, rows, type Sides, startSides } from "./rows.ts";

const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
const unknown = positionals.filter((name) => !rows.some((row) => row.name === name));
if (unknown.length > 0) {
  console.error(`No row ${unknown.join(", ")}; there are ${rows.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}
if (skipWithoutRoot) {
  console.error(`The bench ${skipWithoutRoot}.`);
  process.exit(1);
}

async function measure(row: Row, sides: Sides): Promise<Result["outcome"]> {
  const { peer } = sides.built;
  if (row.against === "libbpf" && typeof peer !== "string") return { skipped: peer.missing };
  try {
    const { ours, peer: theirs } = row.samples(sides);
    return await compare(ours, theirs, row.rounds);
  } catch (error) {
    process.exitCode = 1;
    return { skipped: `failed: ${error instanceof Error ? error.message : error}` };
  }
}

async function measureAll(built: Built): Promise<Result[]> {
  using sides = startSides(built);
  const results: Result[] = [];
  for (const row of rows) {
    if (positionals.length > 0 && !positionals.includes(row.name)) continue;
    process.stderr.write(`${row.name} ...\n`);
    results.push({ row, outcome: await measure(row, sides) });
  }
  return results;
}

const built = build();
try {
  const results = await measureAll(built);
  const about = machine(typeof built.peer === "string" ? run(built.peer, []).trim() : built.peer.missing);
  console.log(values.json === true ? json(about, results) : `${heading(about)}\n\n${table(results)}`);
} finally {
  rmSync(built.folder, { recursive: true, force: true });
}
