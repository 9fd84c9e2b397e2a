const turnsMax = 200_000

/** Resolves when a condition holds: looks at it once per turn of the event loop, so real sockets get to move. */
export async function eventually(condition: () => boolean, what = 'condition'): Promise<void> {
  const endMs = performance.now() + 10_000
  for (let turn = 0; turn < turnsMax || performance.now() < endMs; turn++) {
    if (condition()) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error(`never came true: ${what}`)
}
