/** The candidate that was probably meant: at most a third of its letters differ, case and dashes aside.
 *  @returns null when none is near. */
export function nearMiss(given: string, candidates: Iterable<string>): string | null {
  let best: { readonly candidate: string; readonly distance: number } | null = null
  for (const candidate of candidates) {
    const distance = editDistance(plain(given), plain(candidate))
    const allowed = Math.max(1, Math.floor(candidate.length / 3))
    if (distance <= allowed && distance < (best?.distance ?? Infinity))
      best = { candidate, distance }
  }
  return best?.candidate ?? null
}

/** The end of a refusal: names the near miss if there is one. */
export function didYouMean(given: string, candidates: Iterable<string>): string {
  const candidate = nearMiss(given, candidates)
  return candidate === null ? '' : `; did you mean ${candidate}?`
}

const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '')

/** Levenshtein distance, one row at a time. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
