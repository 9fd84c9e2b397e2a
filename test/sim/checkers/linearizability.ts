/** Whether a history is linearizable, after Wing and Gong with the improvements of Lowe: keys are checked apart, operations are
 *  linearized only when one of them returns, and equal configurations are looked at once.
 *
 *  A configuration is a state of the key and the set of operations that took effect although their answer is still to come.
 *  An operation of unknown outcome never returns: it may take effect at any time after its call, or never. */
import type { Operation, ReadResult, WriteResult } from '../history.js'

export type Verdict =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'violation'; readonly key: string; readonly operation: Operation }
  /** The search was given up. */
  | { readonly kind: 'undecided'; readonly key: string }

/** A version of null is one that nobody has seen: that of a write whose answer was lost. */
interface KeyState {
  readonly value: string | null
  readonly version: number | null
}

interface Configuration {
  readonly state: KeyState
  /** Ids of open operations that took effect, ascending. */
  readonly taken: readonly number[]
}

const configurationsMax = 200_000
const absent: KeyState = { value: null, version: 0 }

export function checkLinearizability(history: readonly Operation[]): Verdict {
  const byKey = new Map<string, Operation[]>()
  for (const operation of history) {
    if (operation.outcome === 'fail') continue
    const operations = byKey.get(operation.key) ?? []
    operations.push(operation)
    byKey.set(operation.key, operations)
  }
  for (const [key, operations] of byKey) {
    const verdict = checkKey(key, operations)
    if (verdict.kind !== 'linearizable') return verdict
  }
  return { kind: 'linearizable' }
}

interface Event {
  readonly atNs: number
  readonly id: number
  readonly returns: boolean
}

function checkKey(key: string, operations: readonly Operation[]): Verdict {
  const open = new Set<number>()
  let configurations: Configuration[] = [{ state: absent, taken: [] }]
  for (const { id, returns } of eventsOf(operations)) {
    if (!returns) {
      open.add(id)
      continue
    }
    const next = linearize(configurations, { operations, open, id })
    if (next === null) return { kind: 'undecided', key }
    if (next.length === 0) {
      return { kind: 'violation', key, operation: operations[id] as Operation }
    }
    configurations = next
    open.delete(id)
  }
  return { kind: 'linearizable' }
}

/** Calls come before returns of the same moment: operations that touch count as concurrent. */
function eventsOf(operations: readonly Operation[]): readonly Event[] {
  const events: Event[] = []
  for (const [id, { callNs, returnNs, outcome }] of operations.entries()) {
    // A read that nobody heard the answer of says nothing.
    if (outcome === 'unknown' && operations[id]?.op === 'get') continue
    events.push({ atNs: callNs, id, returns: false })
    if (outcome === 'ok') events.push({ atNs: returnNs, id, returns: true })
  }
  return events.sort((a, b) => a.atNs - b.atNs || Number(a.returns) - Number(b.returns))
}

interface Return {
  readonly operations: readonly Operation[]
  readonly open: ReadonlySet<number>
  /** The operation that returns. */
  readonly id: number
}

/** All configurations in which the returning operation has taken effect; null when there are too many. */
function linearize(
  configurations: readonly Configuration[],
  { operations, open, id }: Return,
): Configuration[] | null {
  const done = new Map<string, Configuration>()
  const seen = new Set<string>()
  const queue = [...configurations]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next.taken.includes(id)) {
      const kept = { state: next.state, taken: next.taken.filter((taken) => taken !== id) }
      done.set(nameOf(kept), kept)
      continue
    }
    for (const candidate of open) {
      if (next.taken.includes(candidate)) continue
      const state = apply(next.state, operations[candidate] as Operation)
      if (state === null) continue
      const taken = [...next.taken, candidate].sort((a, b) => a - b)
      const name = nameOf({ state, taken })
      if (seen.has(name)) continue
      seen.add(name)
      if (seen.size > configurationsMax) return null
      queue.push({ state, taken })
    }
  }
  return [...done.values()]
}

const nameOf = ({ state, taken }: Configuration): string =>
  `${state.value} ${state.version} ${taken.join()}`

/** The state after an operation, or null when it could not have answered so. */
function apply(state: KeyState, operation: Operation): KeyState | null {
  if (operation.op === 'get') return applyGet(state, operation.result as ReadResult)
  if (operation.outcome === 'unknown') return applyUnknown(state, operation)
  const result = operation.result as WriteResult
  if (!mayBe(state, result.previousVersion)) return null
  if (operation.op === 'cas') {
    if (result.done !== (operation.expected === result.previousVersion)) return null
    if (!result.done) return { value: state.value, version: result.previousVersion }
  }
  return written(operation, result.version)
}

function applyGet(state: KeyState, { value, version }: ReadResult): KeyState | null {
  return state.value === value && mayBe(state, version) ? { value, version } : null
}

function applyUnknown(state: KeyState, operation: Operation): KeyState | null {
  // One that changes nothing need not take effect.
  if (operation.op === 'cas' && !mayBe(state, operation.expected ?? 0)) return null
  return written(operation, null)
}

const written = ({ value }: Operation, version: number | null): KeyState =>
  value === null ? absent : { value, version }

const mayBe = (state: KeyState, version: number): boolean =>
  state.version === version || (state.version === null && version > 0)
