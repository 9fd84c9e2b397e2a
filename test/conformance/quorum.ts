import { asReplica, type ReplicaId } from '../../src/base/ids.js'
import {
  jointPosition,
  jointVoteResult,
  majorityPosition,
  majorityVoteResult,
  type PositionLookup,
  type VoteLookup,
} from '../../src/raft/quorum.js'
import type { VoterSets } from '../../src/raft/ready.js'
import { argument, type Directive } from './script.js'

/** The verbs of the quorum scripts. */
export const quorumVerbs: Readonly<Record<string, (directive: Directive) => string>> = {
  committed: describeCommitted,
  vote: describeVote,
}

interface Configuration extends VoterSets {
  readonly joint: boolean
  /** Every voter in the order of the script: the values of idx and votes are in this order. */
  readonly ids: readonly ReplicaId[]
}

function readConfiguration(directive: Directive): Configuration {
  const incoming = readIds(argument(directive, 'cfg') ?? [])
  const cfgj = argument(directive, 'cfgj')
  const outgoing = cfgj === undefined || cfgj[0] === 'zero' ? [] : readIds(cfgj)
  const ids = [...new Set([...incoming, ...outgoing])]
  return { incoming, outgoing, joint: cfgj !== undefined, ids }
}

const readIds = (values: readonly string[]): ReplicaId[] => values.map(Number).map(asReplica)

function describeCommitted(directive: Directive): string {
  const configuration = readConfiguration(directive)
  const positions = new Map<ReplicaId, number>()
  for (const [at, value] of (argument(directive, 'idx') ?? []).entries()) {
    const id = configuration.ids[at]
    if (value !== '_' && id !== undefined) positions.set(id, Number(value))
  }
  const index = commonPosition(configuration, (id) => positions.get(id) ?? 0)
  return drawPositions(configuration.ids, positions) + (index === Infinity ? '∞' : String(index))
}

function commonPosition(configuration: Configuration, positionOf: PositionLookup): number {
  return configuration.joint
    ? jointPosition(configuration, positionOf)
    : majorityPosition(configuration.incoming, positionOf)
}

function describeVote(directive: Directive): string {
  const configuration = readConfiguration(directive)
  const votes = argument(directive, 'votes') ?? []
  const voteOf: VoteLookup = (id) => {
    const vote = votes[configuration.ids.indexOf(id)]
    return vote === undefined || vote === '_' ? undefined : vote === 'y'
  }
  const result = configuration.joint
    ? jointVoteResult(configuration, voteOf)
    : majorityVoteResult(configuration.incoming, voteOf)
  return { 'vote-won': 'VoteWon', 'vote-pending': 'VotePending', 'vote-lost': 'VoteLost' }[result]
}

/** A bar per replica, as long as the number of replicas that are behind it. */
function drawPositions(
  ids: readonly ReplicaId[],
  positions: ReadonlyMap<ReplicaId, number>,
): string {
  if (ids.length === 0) return '<empty majority quorum>'
  const sorted = [...ids].sort((a, b) => a - b)
  const rows = sorted.map((id) => {
    const position = positions.get(id) ?? 0
    const behind = ids.filter((other) => (positions.get(other) ?? 0) < position).length
    const bar = positions.has(id) ? `${'x'.repeat(behind)}>` : '?'
    return `${bar.padEnd(ids.length + 1)} ${String(position).padStart(5)}    (id=${id})\n`
  })
  return `${' '.repeat(ids.length)}    idx\n${rows.join('')}`
}
