import type { Sample } from "./sides.ts";

/** What came out of a row. */
export interface Comparison {
  /** Medians. */
  readonly ours: number;
  readonly peer: number | undefined;
  /** Of the medians. */
  readonly ratio: number | undefined;
  /** The middle half: of the ratio of each round, or of ours alone. */
  readonly spread: readonly [number, number];
  /** Rounds. */
  readonly n: number;
}

/** Takes both by turns; the first fifth is for compilers and caches, and does not count. */
export async function compare(ours: Sample, peer: Sample | undefined, rounds: number): Promise<Comparison> {
  const pairs: { readonly ours: number; readonly peer: number }[] = [];
  for (let round = -Math.ceil(rounds / 4); round < rounds; round++) {
    const pair = { ours: await ours(), peer: peer === undefined ? Number.NaN : await peer() };
    if (round >= 0) pairs.push(pair);
  }
  const our = median(pairs.map((pair) => pair.ours));
  if (peer === undefined)
    return {
      ours: our,
      peer: undefined,
      ratio: undefined,
      spread: middleHalf(pairs.map((pair) => pair.ours)),
      n: rounds,
    };
  const their = median(pairs.map((pair) => pair.peer));
  return {
    ours: our,
    peer: their,
    ratio: our / their,
    spread: middleHalf(pairs.map((pair) => pair.ours / pair.peer)),
    n: rounds,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (low + (sorted[sorted.length >> 1] ?? low)) / 2;
}

function middleHalf(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
  return [at(0.25), at(0.75)];
}
