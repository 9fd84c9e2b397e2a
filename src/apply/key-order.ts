/** Keys in ascending order, put in order only when somebody asks: writes cost an array push, and a scan after n writes
 *  sorts those n keys and merges them in. */
export class KeyOrder {
  #sorted: string[] = []
  #added: string[] = []
  #removedCount = 0

  /** Call it for a key that was not there. */
  add(key: string): void {
    this.#added.push(key)
  }

  /** Call it for a key that was there. */
  remove(): void {
    this.#removedCount += 1
  }

  /** All keys that `exists` knows, ascending. The array is valid until the next change. */
  keys(exists: { has(key: string): boolean }): readonly string[] {
    if (this.#added.length > 0 || this.#removedCount > 0) {
      this.#added.sort(ascending)
      this.#sorted = mergeExisting(this.#sorted, this.#added, exists)
      this.#added = []
      this.#removedCount = 0
    }
    return this.#sorted
  }
}

/** The position of the first key that is not below `bound`. */
export function lowerBound(keys: readonly string[], bound: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') < bound) low = middle + 1
    else high = middle
  }
  return low
}

/** The smallest string above everything that begins with `prefix`; null when there is none. */
export function prefixEnd(prefix: string): string | null {
  for (let length = prefix.length; length > 0; length--) {
    const unit = prefix.charCodeAt(length - 1)
    if (unit < 0xffff) return prefix.slice(0, length - 1) + String.fromCharCode(unit + 1)
  }
  return null
}

const ascending = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

// A key that was removed and added again stands in both arrays; equal neighbours are taken once.
function mergeExisting(
  left: readonly string[],
  right: readonly string[],
  exists: { has(key: string): boolean },
): string[] {
  const merged: string[] = []
  let leftAt = 0
  let rightAt = 0
  while (leftAt < left.length || rightAt < right.length) {
    const fromLeft = left[leftAt]
    const fromRight = right[rightAt]
    const takeLeft = fromRight === undefined || (fromLeft !== undefined && fromLeft <= fromRight)
    const key = (takeLeft ? left[leftAt++] : right[rightAt++]) ?? ''
    if (key !== merged.at(-1) && exists.has(key)) merged.push(key)
  }
  return merged
}
