/** A rule of docs/invariants.md does not hold: the replica that met it must stop, never continue. */
export class InvariantError extends Error {
  readonly code = 'ERR_INVARIANT'
  readonly invariant: string
  readonly values: Readonly<Record<string, unknown>>

  constructor(id: string, values: Readonly<Record<string, unknown>>) {
    super(`invariant ${id} does not hold: ${JSON.stringify(values)}`)
    this.name = 'InvariantError'
    this.invariant = id
    this.values = values
  }
}

/** Asserts a numbered invariant, in every build.
 *  @param id the number under which docs/invariants.md states the rule.
 *  @throws InvariantError when the condition is false. */
export function invariant(
  condition: boolean,
  id: string,
  values: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new InvariantError(id, values)
}

/** Ends a switch over a tagged union: a new variant becomes a compile error at every switch. */
export function assertNever(value: never): never {
  throw new InvariantError('B2', { value })
}
