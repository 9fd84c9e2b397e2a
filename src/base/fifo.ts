/** A queue with constant-time push and shift, for the hot paths where Array.shift would move everything. */
export class Fifo<Item> {
  #items: (Item | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** The oldest item, or undefined. */
  peek(): Item | undefined {
    return this.#items[this.#head]
  }

  /** Removes and returns the oldest item, or undefined. */
  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) this.clear()
    else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) this.#compact()
    return item
  }

  clear(): void {
    this.#items.length = 0
    this.#head = 0
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<Item> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as Item
  }

  // Half of the array is behind the head, so each item is moved at most once on average.
  #compact(): void {
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
