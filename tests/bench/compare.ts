import type { Sample } from "./sides.ts";

/** What came out of a row. */
export interface Comparison {
  /** Medians. */
  readonly ours: number;
  readonly peer: number | undefined;
  /** Of the medians. */
  readonly ratio: number | undefined;
  /** Lowest and highest: of the ratio of each round, or of ours alone. */
  readonly spread: readonly [number, number];
  /** Rounds. */
  readonly n: number;
}

/** Takes both by turns, after one round that does not count. */
export async function compare(ours: Sample, peer: Sample | undefined, rounds: number): Promise<Comparison> {
  const pairs: { readonly ours: number; readonly peer: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = { ours: await ours(), peer: peer === undefined ? Number.NaN : await peer() };
    if (round > 0) pairs.push(pair);
  }
  const our = median(pairs.map((pair) => pair.ours));
  if (peer === undefined)
    return { ours: our, peer: undefined, ratio: undefined, spread: range(pairs.map((pair) => pair.ours)), n: rounds };
  const their = median(pairs.map((pair) => pair.peer));
  return {
    ours: our,
    peer: their,
    ratio: our / their,
    spread: range(pairs.map((pair) => pair.ours / pair.peer)),
    n: rounds,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = Number.NaN, high = low] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}

function range(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
