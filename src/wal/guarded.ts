/** Runs code of others; what it throws becomes an uncaught exception. */
export function guarded(run: () => void): void {
  try {
    run()
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown
    })
  }
}
