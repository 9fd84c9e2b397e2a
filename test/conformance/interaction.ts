import { asReplica } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { CoreOptions } from '../../src/raft/ready.js'
import { describeEntry, describeProgress, roleNames } from './describe.js'
import { ScriptNode, scriptTicks } from './node.js'
import { argument, type Directive } from './script.js'
import type { Parcel, StorageWork } from './storage-threads.js'

type Verb = (directive: Directive) => void
type Thread = 'append' | 'apply'

const workOf = (node: ScriptNode, thread: Thread): StorageWork[] =>
  thread === 'append' ? node.appendWork : node.applyWork

/** The environment of the interaction scripts: nodes with storage in memory, and a network that keeps the order. */
export class Interaction {
  readonly #nodes: ScriptNode[] = []
  readonly #payloads = new Map<string, string>()
  readonly #inflightMax = { messages: 256 }
  #parcels: Parcel[] = []
  #output: string[] = []
  #silent = false

  readonly #verbs: Readonly<Record<string, Verb>> = {
    'add-nodes': (directive) => this.#addNodes(directive),
    campaign: (directive) => this.#node(directive).core.campaign(),
    'deliver-msgs': (directive) => this.#deliverMessages(directive),
    'log-level': (directive) => this.#setLogLevel(directive),
    'process-append-thread': (directive) => this.#processThreads(directive, 'append'),
    'process-apply-thread': (directive) => this.#processThreads(directive, 'apply'),
    'process-ready': (directive) => this.#processReadies(directive),
    propose: (directive) => this.#propose(directive),
    'raft-log': (directive) => this.#showLog(directive),
    'raft-state': () => this.#showStates(),
    'report-unreachable': (directive) => this.#reportUnreachable(directive),
    'set-randomized-election-timeout': (directive) => this.#setElectionTimeout(directive),
    stabilize: (directive) => this.#stabilize(this.#selected(directive)),
    status: (directive) => this.#showStatus(directive),
    'tick-election': (directive) => this.#tick(directive, scriptTicks.electionTicks),
    'tick-heartbeat': (directive) => this.#tick(directive, scriptTicks.heartbeatTicks),
  }

  /** Runs one step. @returns its output; `ok` when there is none. */
  run(directive: Directive): string {
    const verb = this.#verbs[directive.verb]
    if (verb === undefined) throw new Error(`unknown command ${directive.verb}`)
    this.#output = []
    verb(directive)
    const silent = this.#silent || this.#output.length === 0
    return silent ? 'ok' : this.#output.join('\n')
  }

  readonly #payloadOf = (term: number, index: number): string =>
    this.#payloads.get(`${term}/${index}`) ?? ''

  #addNodes(directive: Directive): void {
    const settings = {
      voters: (argument(directive, 'voters') ?? []).map(Number),
      index: Number(argument(directive, 'index')?.[0] ?? 0),
      asyncStorage: argument(directive, 'async-storage-writes')?.[0] === 'true',
      limits: readLimits(directive),
    }
    this.#inflightMax.messages = settings.limits.inflightMessagesMax ?? 256
    for (let count = Number(directive.args[0]?.key); count > 0; count--) {
      this.#nodes.push(new ScriptNode(this.#nodes.length + 1, settings, this.#payloadOf))
    }
  }

  #setLogLevel(directive: Directive): void {
    this.#silent = directive.args[0]?.key === 'none'
  }

  #propose(directive: Directive): void {
    const data = directive.args[1]?.key ?? ''
    const node = this.#node(directive)
    const result = node.core.propose(entryKinds.normal, Uint32Array.of(data.length))
    if (result.kind === 'dropped') throw new Error('raft proposal dropped')
    this.#payloads.set(`${result.term}/${result.firstIndex}`, data)
    node.noteProposal(result.lastIndex)
  }

  #tick(directive: Directive, count: number): void {
    for (let i = 0; i < count; i++) this.#node(directive).core.tick()
  }

  #setElectionTimeout(directive: Directive): void {
    this.#node(directive).setElectionTimeout(Number(argument(directive, 'timeout')?.[0]))
  }

  #reportUnreachable(directive: Directive): void {
    this.#node(directive).core.reportUnreachable(asReplica(Number(directive.args[1]?.key)))
  }

  #deliverMessages(directive: Directive): void {
    let count = 0
    const kind = argument(directive, 'type')?.[0] ?? ''
    for (const { key, values } of directive.args.filter((candidate) => candidate.key !== 'type')) {
      if (key === 'drop') for (const id of values) count += this.#drop(Number(id), kind)
      else count += this.#deliver(Number(key), { kind, indent: '' })
    }
    if (count === 0) this.#output.push('no messages')
  }

  #deliver(id: number, { kind, indent }: { kind: string; indent: string }): number {
    const parcels = this.#takeParcels(id, kind)
    for (const { text, arrive } of parcels) {
      this.#print(text, indent)
      arrive(this.#nodeOf(id).core)
    }
    return parcels.length
  }

  #drop(id: number, kind: string): number {
    const parcels = this.#takeParcels(id, kind)
    for (const { text } of parcels) this.#output.push(`dropped: ${text}`)
    return parcels.length
  }

  /** Takes what is on its way to a node: all of it, or the messages of one kind. */
  #takeParcels(id: number, kind: string): Parcel[] {
    const isTaken = ({ to, text }: Parcel): boolean =>
      to === id && (kind === '' || text.split(' ')[1] === kind)
    const taken = this.#parcels.filter(isTaken)
    this.#parcels = this.#parcels.filter((parcel) => !isTaken(parcel))
    return taken
  }

  #processReadies(directive: Directive): void {
    this.#forEachTitled(directive, 'handling Ready', (node, indent) => {
      this.#processReady(node, indent)
    })
  }

  #processThreads(directive: Directive, thread: Thread): void {
    this.#forEachTitled(directive, `processing ${thread} thread`, (node, indent) => {
      this.#processThread(node, thread, indent)
    })
  }

  /** The output of several nodes gets titles; that of a single one stands alone. */
  #forEachTitled(
    directive: Directive,
    title: string,
    act: (node: ScriptNode, indent: string) => void,
  ): void {
    const nodes = this.#selected(directive)
    for (const node of nodes) {
      if (nodes.length > 1) this.#output.push(`> ${node.id} ${title}`)
      act(node, nodes.length > 1 ? '  ' : '')
    }
  }

  #processThread(node: ScriptNode, thread: Thread, indent: string): void {
    const work = workOf(node, thread).shift()
    if (work === undefined) {
      this.#print(`no ${thread} work to perform`, indent)
      return
    }
    work.perform()
    const responses = work.responses.map(({ text }) => text)
    this.#print(['Processing:', work.text, 'Responses:', ...responses].join('\n'), indent)
    this.#parcels.push(...work.responses)
  }

  #processReady(node: ScriptNode, indent: string): void {
    const { text, parcels } = node.processReady()
    this.#print(text, indent)
    this.#parcels.push(...parcels)
  }

  /** Readies, deliveries and storage threads in turn, until nothing moves. */
  #stabilize(nodes: readonly ScriptNode[]): void {
    for (let moved = true; moved;) {
      const before = this.#output.length
      for (const node of nodes.filter(({ core }) => core.hasReady())) {
        this.#output.push(`> ${node.id} handling Ready`)
        this.#processReady(node, '  ')
      }
      for (const { id } of nodes) {
        if (!this.#parcels.some(({ to }) => to === id)) continue
        this.#output.push(`> ${id} receiving messages`)
        this.#deliver(id, { kind: '', indent: '  ' })
      }
      for (const thread of ['append', 'apply'] as const) this.#drainThread(nodes, thread)
      moved = this.#output.length > before
    }
  }

  #drainThread(nodes: readonly ScriptNode[], thread: Thread): void {
    for (const node of nodes.filter((candidate) => workOf(candidate, thread).length > 0)) {
      this.#output.push(`> ${node.id} processing ${thread} thread`)
      while (workOf(node, thread).length > 0) this.#processThread(node, thread, '  ')
    }
  }

  #showLog(directive: Directive): void {
    this.#output.push(...this.#node(directive).stored.map(describeEntry))
  }

  #showStatus(directive: Directive): void {
    for (const progress of this.#node(directive).core.status().progress) {
      this.#output.push(describeProgress(progress, this.#inflightMax.messages))
    }
  }

  #showStates(): void {
    for (const { core } of this.#nodes) {
      const { id, role, term, leader, voters } = core.status()
      const membership = voters.incoming.includes(id) ? 'Voter' : 'Non-Voter'
      this.#output.push(`${id}: ${roleNames[role]} (${membership}) Term:${term} Lead:${leader}`)
    }
  }

  #print(text: string, indent: string): void {
    this.#output.push(...text.split('\n').map((line) => indent + line))
  }

  #selected(directive: Directive): readonly ScriptNode[] {
    const ids = directive.args.filter(({ values }) => values.length === 0)
    return ids.length === 0 ? this.#nodes : ids.map(({ key }) => this.#nodeOf(Number(key)))
  }

  #node(directive: Directive): ScriptNode {
    return this.#nodeOf(Number(directive.args[0]?.key))
  }

  #nodeOf(id: number): ScriptNode {
    const node = this.#nodes[id - 1]
    if (node === undefined) throw new Error(`unknown node ${id}`)
    return node
  }
}

/** How each argument of `add-nodes` sets the core; what is not here is not known in this version. */
const optionOf: Readonly<Record<string, (value: string) => Partial<CoreOptions>>> = {
  checkquorum: (value) => ({ checkQuorum: value === 'true' }),
  inflight: (value) => ({ inflightMessagesMax: Number(value) }),
  'max-committed-size-per-ready': (value) => ({ committedBytesMax: Number(value) }),
  prevote: (value) => ({ preVote: value === 'true' }),
}

/** Arguments of `add-nodes` that the environment takes care of. */
const environmentKeys: ReadonlySet<string> = new Set(['voters', 'index', 'async-storage-writes'])

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
