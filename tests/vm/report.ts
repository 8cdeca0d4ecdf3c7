/** The table at the end, for people. */

import type { FileResult } from "./results.ts";

export interface KernelResult {
  readonly name: string;
  readonly release: string;
  readonly files: readonly FileResult[];
  readonly milliseconds: number;
  /** What is not there to run it, in place of results. */
  readonly missing?: string;
}

const COLUMNS = ["kernel", "file", "passed", "skipped", "failed", "seconds"];

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0);
}

export function fileLine(result: FileResult): string {
  const { file, passed, skipped, failures, milliseconds } = result;
  const counts = `${passed} passed, ${sum(skipped.values())} skipped, ${failures.length} failed`;
  return `${file}: ${counts}, ${(milliseconds / 1000).toFixed(1)} s`;
}

export function table(results: readonly KernelResult[]): string {
  const rows = results.flatMap((result) => {
    const { name, release, files, milliseconds } = result;
    if (result.missing !== undefined) {
      return [[name, "(missing)", "", "", "", ""]];
    }
    const total = ["", `(whole, ${release})`, "", "", "", (milliseconds / 1000).toFixed(1)];
    return [
      ...files.map(({ file, passed, skipped, failures, milliseconds: own }) => [
        name,
        file,
        `${passed}`,
        `${sum(skipped.values())}`,
        `${failures.length}`,
        (own / 1000).toFixed(1),
      ]),
      total,
    ];
  });
  const all = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What is not there, with what to do about it. */
export function missing(results: readonly KernelResult[]): string {
  return results
    .flatMap((result) => (result.missing === undefined ? [] : [`  ${result.name}: ${result.missing}`]))
    .join("\n");
}

/** Reasons of skipped tests, each with the kernels and files it was given for. */
export function skips(results: readonly KernelResult[]): string {
  const reasons = new Map<string, Map<string, number>>();
  for (const { name, files } of results) {
    for (const { file, skipped } of files) {
      for (const [reason, count] of skipped) {
        const places = reasons.get(reason) ?? new Map<string, number>();
        const place = `${file} on ${name}`;
        places.set(place, (places.get(place) ?? 0) + count);
        reasons.set(reason, places);
      }
    }
  }
  return [...reasons]
    .map(([reason, places]) => {
      const lines = [...places].map(([place, count]) => `\n    ${count} in ${place}`);
      return `  skipped: ${reason}${lines.join("")}`;
    })
    .join("\n");
}

export function failures(results: readonly KernelResult[]): string {
  return results
    .flatMap(({ name, files }) =>
      files.flatMap(({ file, failures: list }) =>
        list.map((failure) => {
          const message = failure.message.replaceAll("\n", "\n    ");
          return `  FAILED on ${name}, ${file}: ${failure.name}\n    ${message}`;
        }),
      ),
    )
    .join("\n");
}
