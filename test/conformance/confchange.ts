import { Tracker } from '../../src/raft/tracker.js'
import {
  changeSimply,
  enterJoint,
  leaveJoint,
  type MembershipChangeResult,
} from '../../src/raft/membership-change.js'
import type { MembershipConfiguration, ReplicaChange } from '../../src/raft/membership.js'
import { resolveLimits } from '../../src/raft/options.js'
import { SeededRandom } from '../../src/base/random.js'
import { asReplica } from '../../src/base/ids.js'
import { parseChanges } from '../raft/support/changes.js'
import { argument, type Directive } from './script.js'

const nobody: MembershipConfiguration = {
  incoming: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

type Verb = (
  configuration: MembershipConfiguration,
  changes: readonly ReplicaChange[],
  directive: Directive,
) => MembershipChangeResult

const verbs: Readonly<Record<string, Verb>> = {
  simple: changeSimply,
  'enter-joint': (configuration, changes, directive) =>
    enterJoint(configuration, changes, {
      autoLeave: argument(directive, 'autoleave')?.[0] === 'true',
    }),
  'leave-joint': leaveJoint,
}

/** The environment of the confchange scripts: one configuration, and the log index that the number of steps makes. */
export class ConfigurationScript {
  readonly #tracker = new Tracker(
    nobody,
    1,
    resolveLimits({ id: asReplica(1), voters: [], random: new SeededRandom(1) }),
  )
  #lastIndex = 0

  /** @returns the output; undefined for a verb that is not of these scripts. */
  run(directive: Directive): string | undefined {
    const verb = verbs[directive.verb]
    if (verb === undefined) return undefined
    const changes = parseChanges(directive.input.join(' ').split(/\s+/).filter(Boolean))
    const result = verb(this.#tracker.configuration, changes, directive)
    const nextIndex = Math.max(this.#lastIndex++, 1)
    if (result.kind === 'refused') return result.reason
    this.#tracker.reconfigure(result.configuration, nextIndex)
    return this.#describe()
  }

  #describe(): string {
    const lines = this.#tracker.status().map(({ id, state, matchIndex, nextIndex, learner }) => {
      const name = state === 'probe' ? 'StateProbe' : state
      return `${id}: ${name} match=${matchIndex} next=${nextIndex}${learner ? ' learner' : ''}`
    })
    return [describeConfiguration(this.#tracker.configuration), ...lines].join('\n')
  }
}

/** A configuration on one line, as the scripts show it. */
export function describeConfiguration(configuration: MembershipConfiguration): string {
  const { incoming, outgoing, learners, learnersNext, autoLeave } = configuration
  const joint = outgoing.length > 0 ? `&&(${outgoing.join(' ')})` : ''
  return [
    `voters=(${incoming.join(' ')})${joint}`,
    ...(learners.length > 0 ? [`learners=(${learners.join(' ')})`] : []),
    ...(learnersNext.length > 0 ? [`learners_next=(${learnersNext.join(' ')})`] : []),
    ...(autoLeave ? ['autoleave'] : []),
  ].join(' ')
}
