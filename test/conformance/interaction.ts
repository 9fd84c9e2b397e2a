import { asReplica, noReplica, type ReplicaId } from '../../src/base/ids.js'
import { isVoterOf, memberIds } from '../../src/raft/membership.js'
import { readSettings } from './add-nodes.js'
import { describeEntry, describeProgress, messageNames, roleNames } from './describe.js'
import { Journal } from './journal.js'
import { ScriptNode } from './node.js'
import { Payloads, readChange } from './payloads.js'
import { changeProposalOf, ProposalDropped, proposalOf, type Proposal } from './proposals.js'
import { argument, furtherCommands, type Directive } from './script.js'
import type { ScriptCore } from './script-core.js'
import { parcelOf, type Parcel, type StorageWork } from './storage-threads.js'

type Verb = (directive: Directive) => void
type Thread = 'append' | 'apply'

/** The names of messages that can be on their way to a node. */
const messageTypes: ReadonlySet<string> = new Set([
  ...Object.values(messageNames),
  'MsgProp',
  'MsgTransferLeader',
  'MsgStorageAppendResp',
  'MsgStorageApplyResp',
])

/** An empty kind stands for every one. */
const isOfKind = (text: string, kind: string): boolean => kind === '' || text.split(' ')[1] === kind

const workOf = (node: ScriptNode, thread: Thread): StorageWork[] =>
  thread === 'append' ? node.appendWork : node.applyWork

/** The environment of the interaction scripts: nodes with storage in memory, and a network that keeps the order. */
export class Interaction {
  readonly #nodes: ScriptNode[] = []
  readonly #payloads = new Payloads()
  #parcels: Parcel[] = []
  #output: string[] = []
  readonly #journal = new Journal()
  #usualLevel = this.#journal.level

  readonly #verbs: Readonly<Record<string, Verb>> = {
    _breakpoint: () => undefined,
    'add-nodes': (directive) => this.#addNodes(directive),
    campaign: (directive) => this.#node(directive).core.campaign(),
    compact: (directive) => this.#compact(directive),
    'deliver-msgs': (directive) => this.#deliverMessages(directive),
    'forget-leader': (directive) => this.#forgetLeader(this.#node(directive)),
    'log-level': (directive) => this.#setLogLevel(directive),
    'process-append-thread': (directive) => this.#processThreads(directive, 'append'),
    'process-apply-thread': (directive) => this.#processThreads(directive, 'apply'),
    'process-ready': (directive) => this.#processReadies(directive),
    propose: (directive) => this.#propose(directive),
    'propose-conf-change': (directive) => this.#proposeChange(directive),
    'raft-log': (directive) => this.#showLog(directive),
    'raft-state': () => this.#showStates(),
    'report-unreachable': (directive) => this.#reportUnreachable(directive),
    'send-snapshot': (directive) => this.#sendSnapshot(directive),
    'set-randomized-election-timeout': (directive) => this.#setElectionTimeout(directive),
    stabilize: (directive) => this.#stabilize(this.#selected(directive)),
    status: (directive) => this.#showStatus(directive),
    tick: (directive) => this.#node(directive).tick(Number(directive.args[1]?.key)),
    'tick-election': (directive) => this.#tick(directive, 'electionTicks'),
    'tick-heartbeat': (directive) => this.#tick(directive, 'heartbeatTicks'),
    'transfer-leadership': (directive) => this.#transferLeadership(directive),
  }

  /** Runs one step. @returns its output; `ok` when there is none. */
  run(directive: Directive): string {
    const verb = this.#verbs[directive.verb]
    if (verb === undefined) throw new Error(`unknown command ${directive.verb}`)
    this.#journal.setLevel(argument(directive, 'log-level')?.[0] ?? this.#usualLevel)
    this.#output = []
    const error = this.#perform(verb, directive)
    if (this.#journal.level === 'none') this.#output = []
    if (error !== undefined) this.#output.push(error)
    this.#journal.setLevel(this.#usualLevel)
    return this.#output.length === 0 ? 'ok' : this.#output.join('\n')
  }

  /** @returns what went wrong; the output holds what came before it. */
  #perform(verb: Verb, directive: Directive): string | undefined {
    try {
      verb(directive)
      for (const next of furtherCommands(directive, (name) => name in this.#verbs)) {
        this.#printLog('')
        this.#verbs[next.verb]?.(next)
      }
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    } finally {
      this.#printLog('')
    }
  }

  #addNodes(directive: Directive): void {
    const settings = readSettings(directive)
    for (let count = Number(directive.args[0]?.key); count > 0; count--) {
      const shared = { payloads: this.#payloads, journal: this.#journal }
      this.#nodes.push(new ScriptNode(this.#nodes.length + 1, settings, shared))
    }
  }

  #setLogLevel(directive: Directive): void {
    this.#journal.setLevel(directive.args[0]?.key ?? '')
    this.#usualLevel = this.#journal.level
  }

  #propose(directive: Directive): void {
    const proposal = proposalOf(directive.args[1]?.key ?? '', this.#payloads)
    this.#submit(this.#node(directive), proposal)
  }

  #proposeChange(directive: Directive): void {
    const proposal = changeProposalOf(readChange(directive), this.#payloads)
    this.#submit(this.#node(directive), proposal)
  }

  /** Proposes at a node. The scripts' own core forwards what a follower is asked; ours leaves that to the client. */
  #submit(node: ScriptNode, proposal: Proposal, from: number = node.id): void {
    const { role, leader: to } = node.core.status()
    if (role !== 'follower' || to === noReplica) {
      proposal.submit(node)
      return
    }
    const text = `${from}->${to} MsgProp Term:0 Log:0/0 Entries:[0/0 ${proposal.text}]`
    const arrive = (): void => {
      this.#submit(this.#nodeOf(to), proposal, from)
    }
    node.send({ to, text, arrive })
  }

  #forgetLeader({ core, settings }: ScriptNode): void {
    if (settings.leaseBasedReads) core.ignoreForgetLeader()
    else core.forgetLeader()
  }

  #transferLeadership(directive: Directive): void {
    const [from, to] = ['from', 'to'].map((key) => Number(argument(directive, key)?.[0]))
    this.#transfer(this.#nodeOf(from ?? 0), asReplica(to ?? 0))
  }

  /** Asks a node to hand leadership over. The scripts' own core forwards that, too, when it follows. */
  #transfer(node: ScriptNode, target: ReplicaId): void {
    const { role, leader: to, term } = node.core.status()
    if (role !== 'follower' || to === noReplica) {
      node.core.transferLeadership(target)
      return
    }
    const text = `${target}->${to} MsgTransferLeader Term:${term} Log:0/0`
    const arrive = (core: ScriptCore): void => {
      if (core.takesTransfer(term, target)) this.#transfer(this.#nodeOf(to), target)
    }
    node.send({ to, text, arrive })
  }

  #compact(directive: Directive): void {
    this.#node(directive).compact(Number(directive.args[1]?.key))
    this.#showLog(directive)
  }

  #sendSnapshot(directive: Directive): void {
    const { id: from, core, snapshot } = this.#node(directive)
    const to = asReplica(Number(directive.args[1]?.key))
    if (snapshot === undefined) throw new Error('no snapshot to send')
    const { term } = core.status()
    const message = { kind: 'install-snapshot', from, to, term, snapshot } as const
    const parcel = parcelOf(message, this.#payloads)
    this.#parcels.push(parcel)
    this.#print(parcel.text, '')
  }

  #tick(directive: Directive, interval: 'electionTicks' | 'heartbeatTicks'): void {
    const node = this.#node(directive)
    node.tick(node.settings[interval])
  }

  #setElectionTimeout(directive: Directive): void {
    this.#node(directive).setElectionTimeout(Number(argument(directive, 'timeout')?.[0]))
  }

  #reportUnreachable(directive: Directive): void {
    this.#node(directive).core.reportUnreachable(asReplica(Number(directive.args[1]?.key)))
  }

  #deliverMessages(directive: Directive): void {
    const kind = argument(directive, 'type')?.[0] ?? ''
    if (kind !== '' && !messageTypes.has(kind)) throw new Error(`unknown message type ${kind}`)
    const given = new Set<number>()
    let count = 0
    for (const { key, values } of directive.args.filter((candidate) => candidate.key !== 'type')) {
      if (key !== 'drop') {
        given.add(Number(key))
        count += this.#deliver(Number(key), { kind, indent: '' })
      } else for (const id of values) count += this.#drop(Number(id), { kind, given })
    }
    if (count === 0) this.#output.push('no messages')
  }

  #deliver(id: number, { kind, indent }: { kind: string; indent: string }): number {
    const parcels = this.#takeParcels(({ to, text }) => to === id && isOfKind(text, kind))
    for (const parcel of parcels) {
      this.#print(parcel.text, indent)
      const error = this.#arrive(parcel)
      this.#printLog(indent)
      if (error !== undefined) this.#print(error, indent)
    }
    return parcels.length
  }

  /** @returns why the node does not take it. */
  #arrive({ to, arrive, answerOf }: Parcel): string | undefined {
    const { core } = this.#nodeOf(to)
    const isKnown =
      answerOf === undefined || memberIds(core.status().configuration).includes(answerOf)
    if (!isKnown) return 'raft: cannot step as peer not found'
    try {
      arrive(core)
      return undefined
    } catch (error) {
      if (error instanceof ProposalDropped) return error.message
      throw error
    }
  }

  /** @param given to whom the step delivers. */
  #drop(id: number, { kind, given }: { kind: string; given: ReadonlySet<number> }): number {
    if (given.has(id)) throw new Error(`can't both deliver and drop msgs to ${id}`)
    const parcels = this.#takeParcels(
      ({ to, text, local }) => to === id && local !== true && isOfKind(text, kind),
    )
    for (const { text } of parcels) this.#output.push(`dropped: ${text}`)
    return parcels.length
  }

  /** Takes some of what is on its way. */
  #takeParcels(isTaken: (parcel: Parcel) => boolean): Parcel[] {
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
    const nodes = this.#named(directive)
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
    this.#print(['Processing:', work.text].join('\n'), indent)
    work.perform()
    this.#printLog(indent)
    const responses = work.responses.map(({ text }) => text)
    this.#print(['Responses:', ...responses].join('\n'), indent)
    this.#parcels.push(...work.responses)
  }

  #processReady(node: ScriptNode, indent: string): void {
    const { text, parcels } = node.processReady()
    this.#print(text, indent)
    this.#printLog(indent)
    this.#parcels.push(...parcels)
  }

  /** Readies, deliveries and storage threads in turn, until nothing moves. */
  #stabilize(nodes: readonly ScriptNode[]): void {
    for (let moved = true; moved;) {
      const before = this.#output.length
      for (const node of nodes.filter((candidate) => candidate.hasReady())) {
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
    const { stored, firstIndex } = this.#node(directive)
    const empty = `log is empty: first index=${firstIndex}, last index=${firstIndex - 1}`
    this.#output.push(...(stored.length === 0 ? [empty] : stored.map(describeEntry)))
  }

  #showStatus(directive: Directive): void {
    const { core, inflightMessagesMax } = this.#node(directive)
    for (const progress of core.status().progress) {
      this.#output.push(describeProgress(progress, inflightMessagesMax))
    }
  }

  #showStates(): void {
    for (const { core } of this.#nodes) {
      const { id, role, term, leader, voters } = core.status()
      const membership = isVoterOf(voters, id) ? 'Voter' : 'Non-Voter'
      this.#output.push(`${id}: ${roleNames[role]} (${membership}) Term:${term} Lead:${leader}`)
    }
  }

  #print(text: string, indent: string): void {
    this.#output.push(...text.split('\n').map((line) => indent + line))
  }

  /** What was logged since the last time. */
  #printLog(indent: string): void {
    this.#output.push(...this.#journal.take().map((line) => indent + line))
  }

  /** The nodes that a step names; all of them when it names none. */
  #selected(directive: Directive): readonly ScriptNode[] {
    const named = this.#named(directive)
    return named.length === 0 ? this.#nodes : named
  }

  #named({ args }: Directive): readonly ScriptNode[] {
    const ids = args.filter(({ values }) => values.length === 0)
    return ids.map(({ key }) => this.#nodeOf(Number(key)))
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
