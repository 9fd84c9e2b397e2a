import type { CoreOptions } from '../../src/raft/ready.js'
import type { NodeSettings } from './node.js'
import { argument, type Directive } from './script.js'

/** Reads the arguments of `add-nodes`, besides the number of nodes. */
export const readSettings = (directive: Directive): NodeSettings => ({
  voters: (argument(directive, 'voters') ?? []).map(Number),
  learners: (argument(directive, 'learners') ?? []).map(Number),
  index: Number(argument(directive, 'index')?.[0] ?? 0),
  asyncStorage: argument(directive, 'async-storage-writes')?.[0] === 'true',
  limits: readLimits(directive),
})

/** How each argument of `add-nodes` sets the core; what is not here is not known in this version. */
const optionOf: Readonly<Record<string, (value: string) => Partial<CoreOptions>>> = {
  'disable-conf-change-validation': (value) =>
    value === 'true' ? { membershipGuard: 'none' } : {},
  'step-down-on-removal': (value) => ({ stepDownOnRemoval: value === 'true' }),
  checkquorum: (value) => ({ checkQuorum: value === 'true' }),
  inflight: (value) => ({ inflightMessagesMax: Number(value) }),
  'max-committed-size-per-ready': (value) => ({ committedBytesMax: Number(value) }),
  prevote: (value) => ({ preVote: value === 'true' }),
}

/** Arguments of `add-nodes` that the environment takes care of. */
const environmentKeys: ReadonlySet<string> = new Set([
  'voters',
  'learners',
  'index',
  'async-storage-writes',
  // The data of a snapshot, which nothing here looks at.
  'content',
])

function readLimits(directive: Directive): Partial<CoreOptions> {
  let limits: Partial<CoreOptions> = {}
  for (const { key, values } of directive.args.slice(1)) {
    if (environmentKeys.has(key)) continue
    const option = optionOf[key]
    if (option === undefined) throw new Error(`unknown option ${key} of add-nodes`)
    limits = { ...limits, ...option(values[0] ?? 'true') }
  }
  return limits
}
