/** A figure over several rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @param values at least one. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right)
  return { median: median(values), min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }
}

/** @param values at least one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}

/** The value below which a share of the sorted values lies. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
