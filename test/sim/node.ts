import type { ReplicaId } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import { Replica } from '../../src/replica/replica.js'
import type { ReplicaStatus } from '../../src/replica/replica-status.js'
import type { ReplicaSettings } from '../../src/replica/settings.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import { SimulatedClock, stepMs } from './clock.js'
import type { Disk } from './disk.js'
import { WatchedMachine } from './watched-machine.js'

export interface NodeParts {
  readonly id: ReplicaId
  readonly voters: readonly ReplicaId[]
  readonly disk: Disk
  readonly random: SeededRandom
  readonly settings: ReplicaSettings
  /** Most steps that the state machine takes for a batch; null: it answers without a promise. */
  readonly applyStepsMax: number | null
  send(message: PeerMessage): void
}

/** One node: a disk that stays, and processes that come and go on it. */
export class SimulatedNode {
  readonly id: ReplicaId
  /** Whether it was switched off for good. */
  isGone = false
  disk: Disk
  /** How many processes there were. */
  life = 0
  /** Of the process, or of none: another one in each life. */
  processName: string
  replica: Replica<WatchedMachine> | null = null
  machine = new WatchedMachine(null)
  clock = new SimulatedClock()
  /** Steps during which the process stands still: it receives nothing and has no ticks. */
  stalledSteps = 0
  /** The process dies at this many sends from now on, in the middle of a turn; 0 for not. */
  sendsUntilCrash = 0
  /** Why the process ended by itself. */
  stopCode: string | null = null
  readonly #parts: NodeParts
  #receive: (message: PeerMessage) => void = () => undefined
  /** What came while the process stood still. */
  #held: PeerMessage[] = []
  #heldRequests: (() => void)[] = []
  #status: ReplicaStatus | null = null

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.id = parts.id
    this.processName = `n${parts.id}/0`
    this.disk = parts.disk
  }

  get isUp(): boolean {
    return this.replica !== null
  }

  /** What the replica said when it was last looked at; null while it is down. */
  status(): ReplicaStatus | null {
    return this.#status
  }

  /** Takes a new status: making one costs as much as a step. */
  look(): void {
    this.#status = this.replica?.status() ?? null
  }

  /** A process opens the disk and runs on it; on a full disk it may not come up. */
  async start(): Promise<void> {
    const log = await this.disk.open()
    if (log === null) return
    this.#beginLife()
    const { life } = this
    const { id, voters, random, applyStepsMax } = this.#parts
    const rate = this.clock.rate
    this.clock = new SimulatedClock()
    this.clock.rate = rate
    const { clock } = this
    this.stopCode = null
    this.machine = new WatchedMachine(
      applyStepsMax === null
        ? null
        : { stepsMax: applyStepsMax, random: new SeededRandom(random.nextUint32()) },
    )
    this.replica = new Replica({
      id,
      voters,
      log,
      machine: this.machine,
      random: new SeededRandom(random.nextUint32()),
      settings: this.#parts.settings,
      ticks: {
        nowMs: () => clock.nowMs,
        start: (onTick) => {
          clock.onTick = onTick
          return () => (clock.onTick = () => undefined)
        },
      },
      connect: (receive) => {
        this.#receive = receive
        return {
          send: (message) => {
            if (life === this.life) this.#send(message)
          },
          detach: () => {
            if (life === this.life) this.#receive = () => undefined
          },
        }
      },
      addressOf: (peer) => (peer === 0 ? null : { node: `n${peer}`, clientAddress: `n${peer}` }),
      onStopped: (error) => {
        if (life === this.life) this.stopCode = error.code
      },
    })
  }

  /** The process dies here and now, whatever it is in the middle of. */
  kill(): void {
    const dead = this.replica
    this.replica = null
    this.#status = null
    this.#beginLife()
    this.stalledSteps = 0
    this.sendsUntilCrash = 0
    this.#held = []
    this.#heldRequests = []
    this.#receive = () => undefined
    this.disk.crash()
    // What the dead process would still do reaches nobody: its log and its links are not those of the node any more.
    queueMicrotask(() => {
      dead?.close().catch(() => undefined)
    })
  }

  /** Its process ends and none comes after it. */
  leave(): void {
    if (this.isUp) this.kill()
    this.isGone = true
  }

  receive(message: PeerMessage): void {
    if (this.stalledSteps > 0) this.#held.push(message)
    else this.#receive(message)
  }

  /** A client asks something of the process: now or, when that stands still, as soon as it goes on. */
  request(ask: () => void): void {
    if (this.stalledSteps > 0) this.#heldRequests.push(ask)
    else ask()
  }

  /** A step of time passes. A process that stood still has its late tick before it reads what came meanwhile, and hears of its
   *  clients before it hears of its peers. */
  advance(): void {
    if (!this.isUp) return
    if (this.stalledSteps > 0) {
      this.stalledSteps -= 1
      this.clock.jump(stepMs * this.clock.rate)
      return
    }
    this.clock.advance()
    this.machine.step()
    const requests = this.#heldRequests.splice(0)
    for (const ask of requests) ask()
    if (requests.length > 0) return
    for (const message of this.#held.splice(0)) this.#receive(message)
  }

  #beginLife(): void {
    this.life += 1
    this.processName = `n${this.id}/${this.life}`
  }

  #send(message: PeerMessage): void {
    this.#parts.send(message)
    if (this.sendsUntilCrash === 0) return
    this.sendsUntilCrash -= 1
    if (this.sendsUntilCrash === 0) this.kill()
  }
}
