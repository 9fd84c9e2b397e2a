import type { CoreOptions } from '../../src/raft/ready.js'
import type { NodeSettings } from './node.js'
import { argument, type Directive } from './script.js'

/** Reads the arguments of `add-nodes`, besides the number of nodes.
 *  @throws Error in the words of the scripts' own environment, for settings that cannot work. */
export function readSettings(directive: Directive): NodeSettings {
  const settings = {
    voters: (argument(directive, 'voters') ?? []).map(Number),
    learners: (argument(directive, 'learners') ?? []).map(Number),
    index: Number(argument(directive, 'index')?.[0] ?? 0),
    asyncStorage: argument(directive, 'async-storage-writes')?.[0] === 'true',
    leaseBasedReads: readReadOnly(directive) === 'lease-based',
    electionTicks: Number(argument(directive, 'election-tick')?.[0] ?? 3),
    heartbeatTicks: Number(argument(directive, 'heartbeat-tick')?.[0] ?? 1),
    limits: readLimits(directive),
  }
  refuseUnworkable(settings, argument(directive, 'content') !== undefined)
  return settings
}

function readReadOnly(directive: Directive): string {
  const readOnly = argument(directive, 'read-only')?.[0] ?? 'safe'
  if (readOnly === 'safe' || readOnly === 'lease-based') return readOnly
  throw new Error(`invalid read-only option ${JSON.stringify(readOnly)}`)
}

function refuseUnworkable(settings: NodeSettings, hasContent: boolean): void {
  const { voters, learners, index, leaseBasedReads, limits } = settings
  const isBootstrapped = hasContent || index > 0 || voters.length + learners.length > 0
  if (isBootstrapped && index <= 1) {
    throw new Error('index must be specified as > 1 due to bootstrap')
  }
  if (leaseBasedReads && limits.checkQuorum !== true) {
    throw new Error('CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased')
  }
}

/** How each argument of `add-nodes` sets the core; what is not here is not known in this version. */
const optionOf: Readonly<Record<string, (value: string) => Partial<CoreOptions>>> = {
  'disable-conf-change-validation': (value) =>
    value === 'true' ? { membershipGuard: 'none' } : {},
  'async-storage-writes-nonlocal-quorum': (value) => ({ applyBeforeDurable: value === 'true' }),
  'step-down-on-removal': (value) => ({ stepDownOnRemoval: value === 'true' }),
  checkquorum: (value) => ({ checkQuorum: value === 'true' }),
  inflight: (value) => ({ inflightMessagesMax: Number(value) }),
  'max-committed-size-per-ready': (value) => ({
    committedBytesMax: Number(value),
    applyingBytesMax: Number(value),
  }),
  prevote: (value) => ({ preVote: value === 'true' }),
}

/** Arguments of `add-nodes` that the environment takes care of. */
const environmentKeys: ReadonlySet<string> = new Set([
  'voters',
  'learners',
  'index',
  'async-storage-writes',
  'read-only',
  'election-tick',
  'heartbeat-tick',
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
