import { ClustorError } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import type { ReplicaId } from '../../src/base/ids.js'
import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import { changeMembership } from '../../src/raft/membership-change.js'
import { isJoint, isVoterOf, leaveJointChange, memberIds } from '../../src/raft/membership.js'
import type {
  MembershipChange,
  MembershipConfiguration,
  ReplicaChange,
} from '../../src/raft/membership.js'
import type { Replica } from '../../src/replica/replica.js'
import { stepMs } from './clock.js'
import type { Cluster } from './cluster.js'
import { isMembershipEntry, isQuorum } from './configurations.js'
import type { Configurations } from './configurations.js'
import type { FaultCounts, FaultName } from './faults.js'
import type { SimulatedNode } from './node.js'
import type { Trace } from './trace.js'

export interface OperatorParts {
  readonly cluster: Cluster
  readonly configurations: Configurations
  readonly random: Random
  readonly trace: Trace
  readonly faults: FaultCounts
}

const votersMax = 5
/** Nodes that run at a time, members or not. */
const nodesMax = 9
/** Before an operator asks again for what has no answer. */
const patienceSteps = 60

/** Changes who belongs to the cluster and who leads it, as a careful operator would: a change leaves a quorum of nodes that can
 *  still run, and a disk is given up only when the rest can do without it. */
export class Operator {
  readonly #parts: OperatorParts
  /** Out of 100 steps, so many bring something: in some runs the members stay. */
  readonly #eventPercent: number
  #busyUntilStep = 0
  /** Changes that were asked for and may not be in any log yet. */
  #unanswered = 0
  /** When a leadership that was too young to be handed over is old enough; 0 for none. */
  #handOverStep = 0

  constructor(parts: OperatorParts) {
    this.#parts = parts
    this.#eventPercent = this.#pick([0, 5, 15])
  }

  async act(): Promise<void> {
    if (this.#parts.trace.step === this.#handOverStep) this.#handOver()
    if (this.#between(1, 100) > this.#eventPercent) return
    const dice = this.#between(0, 99)
    if (dice < 15) this.#handOver()
    else if (dice < 18) this.#forgetLeader()
    else if (dice < 28) this.#retire()
    else if (dice < 34) this.#loseDisk()
    else if (this.#parts.trace.step >= this.#busyUntilStep) await this.#change()
  }

  /** After the healing: ends what only an operator ends. */
  finish(): void {
    if (this.#parts.trace.step < this.#busyUntilStep) return
    const leader = this.#parts.cluster.leader()
    const configuration = leader?.status()?.configuration
    if (leader === undefined || configuration === undefined) return
    if (isJoint(configuration) && !configuration.autoLeave) this.#propose(leader, leaveJointChange)
  }

  async #change(): Promise<void> {
    const leader = this.#parts.cluster.leader()
    const configuration = leader?.replica?.status().configuration
    if (leader === undefined || leader.stalledSteps > 0 || configuration === undefined) return
    const change = await this.#draw(configuration)
    if (change === null || !this.#isSafe(configuration, change)) return
    this.#propose(leader, change)
    // A second change while the first one is on its way must be refused.
    if (this.#between(0, 3) > 0 || this.#goneIds().length > 0) return
    const second = await this.#draw(configuration)
    if (second !== null && this.#isSafe(configuration, second)) this.#propose(leader, second)
  }

  /** A change of one of many kinds; null when it is not possible now. */
  async #draw(configuration: MembershipConfiguration): Promise<MembershipChange | null> {
    if (isJoint(configuration) && this.#between(0, 9) > 0) return leaveJointChange
    const { incoming, learners } = configuration
    const member = this.#pick(memberIds(configuration))
    const voter = this.#pick(incoming)
    const dice = this.#between(0, 99)
    if (dice < 15) return simply(await this.#newcomer(configuration, 'add-learner'))
    if (dice < 25) return simply(await this.#newcomer(configuration, 'add-voter'))
    if (dice < 45) return simply(learners.map((id) => ({ kind: 'add-voter', id }) as const))
    if (dice < 60) return simply([{ kind: 'remove', id: this.#deadVoter(configuration) ?? member }])
    if (dice < 65) return simply([{ kind: 'add-learner', id: voter }])
    return await this.#replace(configuration)
  }

  /** Voters take the place of others, in one step: more than half of them may be new. */
  async #replace(configuration: MembershipConfiguration): Promise<MembershipChange> {
    const { incoming } = configuration
    const changes: ReplicaChange[] = []
    for (let count = this.#between(1, 2); count > 0; count--) {
      const leaving = this.#deadVoter(configuration) ?? this.#pick(incoming)
      const added = this.#between(0, 4) > 0 ? await this.#newcomer(configuration, 'add-voter') : []
      const kind = this.#pick(['remove', 'remove', 'add-learner'] as const)
      changes.push(...added, { kind, id: leaving })
    }
    const transition = this.#pick(['auto', 'joint-implicit', 'joint-explicit'] as const)
    return { transition, changes }
  }

  /** Somebody who does not belong to the cluster: a node with a new id and an empty disk, or one that was removed. */
  async #newcomer(
    configuration: MembershipConfiguration,
    kind: 'add-learner' | 'add-voter',
  ): Promise<readonly ReplicaChange[]> {
    const { cluster } = this.#parts
    const members = memberIds(configuration)
    const waiting = cluster.nodes.filter((node) => !node.isGone && !members.includes(node.id))
    const running = cluster.nodes.filter((node) => !node.isGone)
    if (waiting.length > 0 && (running.length >= nodesMax || this.#between(0, 1) === 0)) {
      return [{ kind, id: this.#pick(waiting).id }]
    }
    if (running.length >= nodesMax) return []
    const node = cluster.addNode()
    await node.start()
    return [{ kind, id: node.id }]
  }

  #propose(leader: SimulatedNode, change: MembershipChange): void {
    const { trace, faults } = this.#parts
    const before = leader.status()?.configuration
    const text = describe(change)
    trace.add(`operator n${leader.id} ${text}`)
    this.#busyUntilStep = trace.step + patienceSteps
    this.#unanswered += 1
    leader.replica?.changeMembership(
      change,
      { timeoutMs: 500 },
      {
        resolve: ({ result }) => {
          this.#unanswered -= 1
          trace.add(`operator ${text} done ${JSON.stringify(result)}`)
          this.#busyUntilStep = trace.step + 1
          if (before !== undefined) for (const name of kindsOf(change, before)) faults[name] += 1
        },
        reject: ({ code, outcome }) => {
          this.#unanswered -= 1
          trace.add(`operator ${text} ${code}`)
          this.#busyUntilStep = trace.step + 5
          if (outcome === 'unknown') faults.changeOfUnknownOutcome += 1
          else faults.changeRefused += 1
        },
      },
    )
  }

  /** Whether a quorum that can run is left when the change is made. */
  #isSafe(configuration: MembershipConfiguration, change: MembershipChange): boolean {
    const gone = this.#goneIds()
    if (gone.length > 0 && this.#hasOpenChange()) return false
    const result = changeMembership(configuration, change)
    if (result.kind === 'refused') return this.#between(0, 3) === 0
    const { incoming } = result.configuration
    return incoming.length <= votersMax && this.#canRun(result.configuration, gone)
  }

  #handOver(): void {
    const { cluster, trace, faults } = this.#parts
    const leader = cluster.leader()
    if (leader === undefined || leader.stalledSteps > 0) return
    const incoming = leader.status()?.configuration.incoming ?? []
    const voters = incoming.filter((id) => id !== leader.id)
    if (voters.length === 0) return
    const to = this.#pick(voters)
    trace.add(`operator n${leader.id} hands over to n${to}`)
    transfer(leader.replica, to).then(
      () => (faults.leadershipTransferred += 1),
      (error: unknown) => {
        const waitMs = remainingMs(error)
        if (waitMs === null) faults.transferFailed += 1
        else this.#handOverStep = trace.step + Math.ceil(waitMs / stepMs) + 2
      },
    )
  }

  #forgetLeader(): void {
    const node = this.#pick(this.#parts.cluster.nodes)
    if (!node.isUp || node.stalledSteps > 0) return
    this.#parts.faults.leaderForgotten += 1
    node.replica?.forgetLeader()
  }

  /** A node that was removed is switched off for good. */
  #retire(): void {
    const { cluster, configurations, faults, trace } = this.#parts
    const members = memberIds(configurations.latest.configuration)
    const removed = cluster.nodes.filter(
      ({ id, isGone }) => !isGone && !members.includes(id) && configurations.everHad(id),
    )
    const node = removed[0]
    if (node === undefined || !this.#canDoWithout(node)) return
    faults.nodeRetired += 1
    trace.add(`operator retires n${node.id}`)
    node.leave()
  }

  /** The disk of a member is gone, and its id with it: whoever comes in its place has another one. */
  #loseDisk(): void {
    const { cluster, configurations, faults, trace } = this.#parts
    const { configuration } = configurations.latest
    const node = cluster.node(this.#pick(memberIds(configuration)))
    if (node.isGone || !this.#canDoWithout(node)) return
    faults.diskLost += 1
    trace.add(`n${node.id} loses its disk`)
    node.leave()
  }

  /** Whether nobody needs this node: all others who vote have written down that they do, and none of their changes is open. */
  #canDoWithout(node: SimulatedNode): boolean {
    const { cluster, configurations } = this.#parts
    if (this.#unanswered > 0 || this.#hasOpenChange()) return false
    const { index, configuration } = configurations.latest
    const others = cluster.nodes.filter(
      (each) => each !== node && !each.isGone && isVoterOf(configuration, each.id),
    )
    if (others.some(({ disk }) => disk.durableHardState.commitIndex < index)) return false
    return this.#canRun(configuration, [...this.#goneIds(), node.id])
  }

  /** Whether some log has a change that may be committed or not. */
  #hasOpenChange(): boolean {
    const { cluster, configurations } = this.#parts
    return cluster.nodes.some(({ disk, isGone }) => {
      if (isGone) return false
      for (let index = configurations.latest.index + 1; ; index++) {
        const entry = disk.submittedEntry(index) ?? disk.durableEntry(index)
        if (entry === undefined) return false
        if (isMembershipEntry(entry)) return true
      }
    })
  }

  #canRun(configuration: MembershipConfiguration, gone: readonly number[]): boolean {
    const { incoming, outgoing } = configuration
    return isQuorum(
      configuration,
      new Set([...incoming, ...outgoing].filter((id) => !gone.includes(id))),
    )
  }

  #deadVoter({ incoming }: MembershipConfiguration): ReplicaId | undefined {
    return incoming.find((id) => this.#parts.cluster.node(id).isGone)
  }

  #goneIds(): readonly ReplicaId[] {
    return this.#parts.cluster.nodes.filter(({ isGone }) => isGone).map(({ id }) => id)
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#between(0, items.length - 1)] as T
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#parts.random, min, max)
  }
}

/** How much longer a leadership must last before it can be handed over; null for another error. */
function remainingMs(error: unknown): number | null {
  if (!(error instanceof ClustorError) || error.code !== 'ERR_TRANSFER_TOO_SOON') return null
  return Number(error.fields['remainingMs'])
}

async function transfer(replica: Replica | null, to: ReplicaId): Promise<void> {
  if (replica === null) throw new ClustorError('ERR_CLOSED', 'the leader is down')
  await replica.transferLeadership(asReplica(to), { timeoutMs: 1_000 })
}

/** The first of some changes by itself. */
function simply(changes: readonly ReplicaChange[]): MembershipChange | null {
  const [change] = changes
  return change === undefined ? null : { transition: 'auto', changes: [change] }
}

/** What a change that was made is counted as. */
function kindsOf(change: MembershipChange, before: MembershipConfiguration): readonly FaultName[] {
  if (change.changes.length === 0) return ['jointLeft']
  const joint = change.transition === 'auto' && change.changes.length === 1 ? [] : ['jointEntered']
  return [...joint, ...change.changes.map((each) => kindOf(each, before))] as readonly FaultName[]
}

function kindOf({ kind, id }: ReplicaChange, before: MembershipConfiguration): FaultName {
  if (kind === 'remove') return 'memberRemoved'
  if (kind === 'add-learner') return isVoterOf(before, id) ? 'voterDemoted' : 'learnerAdded'
  return before.learners.includes(id) ? 'learnerPromoted' : 'voterAdded'
}

const describe = ({ transition, changes }: MembershipChange): string =>
  [transition, ...changes.map(({ kind, id }) => `${kind} ${id}`)].join(' ')
