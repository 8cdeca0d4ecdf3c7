import { cpus, release } from "node:os";
import type { Comparison } from "./compare.ts";
import type { Row } from "./rows.ts";

export interface Result {
  readonly row: Row;
  readonly outcome: Comparison | { readonly skipped: string };
}

export interface Machine {
  readonly date: string;
  readonly kernel: string;
  readonly node: string;
  readonly cpu: string;
  /** Its version, or why it is not there. */
  readonly libbpf: string;
}

export function machine(libbpf: string): Machine {
  const processors = cpus();
  const cpu = `${processors.length} x ${processors[0]?.model ?? "unknown"}`;
  return { date: new Date().toISOString(), kernel: release(), node: process.version, cpu, libbpf };
}

export function heading({ date, kernel, node, cpu, libbpf }: Machine): string {
  return `${date}  Linux ${kernel}  node ${node}  ${cpu}  libbpf ${libbpf}\nMedians of n rounds by turns; spread: the middle half of them.`;
}

const HEADINGS = ["row", "work", "skmsg", "against", "", "ratio", "n", "spread", "target", ""];
/** Columns of numbers. */
const RIGHT = new Set([2, 4, 5, 6]);

export function table(results: readonly Result[]): string {
  const lines = [HEADINGS, ...results.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cells({ row, outcome }: Result): string[] {
  const { name, work, against = "", target } = row;
  if ("skipped" in outcome)
    return [name, work, "", against, "", "", "", "", target.text, `skipped: ${outcome.skipped}`];
  const { ours, peer, ratio, spread, n } = outcome;
  const times = (value: number): string => value.toFixed(2);
  const range = spread.map(ratio === undefined ? (value) => quantity(value, row.unit) : times);
  return [
    name,
    work,
    quantity(ours, row.unit),
    against,
    peer === undefined ? "" : quantity(peer, row.unit),
    ratio === undefined ? "" : `${times(ratio)}x`,
    String(n),
    n === 1 ? "" : range.join("–"),
    target.text,
    target.met(outcome) ? "met" : "not met",
  ];
}

/** Three digits, in the unit that suits. */
function quantity(value: number, unit: Row["unit"]): string {
  const units = unit === "ns" ? ["ns", "µs", "ms", "s"] : ["B", "kB", "MB"];
  let scaled = value;
  let step = 0;
  for (; scaled >= 1000 && step < units.length - 1; step++) scaled /= 1000;
  const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${units[step]}`;
}

export function json(about: Machine, results: readonly Result[]): string {
  const rows = results.map(({ row: { name, work, against, unit, target }, outcome }) => ({
    name,
    work,
    against,
    unit,
    target: target.text,
    ...outcome,
    met: "skipped" in outcome ? undefined : target.met(outcome),
  }));
  return JSON.stringify({ ...about, rows }, undefined, 2);
}
