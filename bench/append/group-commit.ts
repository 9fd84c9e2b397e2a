/** Group commit for a system that has none: everything that is appended while a commit runs goes into the next. */
export class GroupCommit {
  readonly #commit: (payloads: readonly Uint8Array[]) => Promise<unknown>
  #payloads: Uint8Array[] = []
  #waiters: PromiseWithReject[] = []
  #running: Promise<void> | null = null

  /** @param commit makes payloads durable together. */
  constructor(commit: (payloads: readonly Uint8Array[]) => Promise<unknown>) {
    this.#commit = commit
  }

  /** Resolves when the payloads are durable. */
  append(payloads: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#payloads.push(...payloads)
      this.#waiters.push({ resolve, reject })
      // The turn's other appends join: the group is taken in a microtask.
      this.#running ??= Promise.resolve().then(() => this.#run())
    })
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#payloads.length > 0) {
      const payloads = this.#payloads
      const waiters = this.#waiters
      this.#payloads = []
      this.#waiters = []
      try {
        await this.#commit(payloads)
        for (const { resolve } of waiters) resolve()
      } catch (error) {
        for (const { reject } of waiters) reject(error)
      }
      // Whoever was just answered may append again before the next group is taken.
      await Promise.resolve()
    }
    this.#running = null
  }
}

interface PromiseWithReject {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}
