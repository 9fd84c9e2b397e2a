import {
  isLeaveJoint,
  leaveJointChange,
  type MembershipChange,
  type MembershipTransition,
  type ReplicaChange,
} from '../../src/raft/membership.js'
import { parseChanges } from '../raft/support/changes.js'
import { argument, type Directive } from './script.js'

/** A membership change of a script. */
export interface ScriptChange {
  readonly change: MembershipChange
  /** Whether the entry has the older one of two formats, which differ in their names only. */
  readonly v1: boolean
}

/** What the entries of a script contain, which the cores never see. */
export class Payloads {
  readonly #data = new Map<string, string>()
  readonly #changes = new Map<string, ScriptChange>()

  put(term: number, index: number, data: string): void {
    this.#data.set(`${term}/${index}`, data)
  }

  putChange(term: number, index: number, change: ScriptChange): void {
    this.#changes.set(`${term}/${index}`, change)
  }

  dataAt(term: number, index: number): string {
    return this.#data.get(`${term}/${index}`) ?? ''
  }

  /** The change in an entry of kind membership; a leader's own one leaves a joint configuration. */
  changeAt(term: number, index: number): ScriptChange {
    return this.#changes.get(`${term}/${index}`) ?? { change: leaveJointChange, v1: false }
  }
}

const transitions: Readonly<Record<string, MembershipTransition>> = {
  auto: 'auto',
  implicit: 'joint-implicit',
  explicit: 'joint-explicit',
}

/** Reads `propose-conf-change ID [v1=true] [transition=T]` and the changes below it.
 *  @throws Error in the words of the scripts' own environment. */
export function readChange(directive: Directive): ScriptChange {
  const unknown = directive.args.slice(1).find(({ key }) => key !== 'v1' && key !== 'transition')
  if (unknown !== undefined) throw new Error(`unknown command ${unknown.key}`)
  const words = directive.input.join(' ').split(/\s+/).filter(Boolean)
  const name = argument(directive, 'transition')?.[0] ?? 'auto'
  const transition = transitions[name]
  if (transition === undefined) throw new Error(`unknown transition ${name}`)
  const v1 = argument(directive, 'v1')?.[0] === 'true'
  if (v1 && (words.length > 1 || transition !== 'auto')) {
    throw new Error('v1 conf change can only have one operation and no transition')
  }
  return { change: { transition, changes: parseChanges(words) }, v1 }
}

const letters: Readonly<Record<ReplicaChange['kind'], string>> = {
  'add-voter': 'v',
  'add-learner': 'l',
  remove: 'r',
  update: 'u',
}

/** An entry's name and content, as the scripts show them. */
export function describeChange({ change, v1 }: ScriptChange): string {
  const name = v1 ? 'EntryConfChange' : 'EntryConfChangeV2'
  if (isLeaveJoint(change)) return name
  return [name, ...change.changes.map(({ kind, id }) => `${letters[kind]}${id}`)].join(' ')
}

const transitionNames: Readonly<Record<MembershipTransition, string>> = {
  auto: 'ConfChangeTransitionAuto',
  'joint-implicit': 'ConfChangeTransitionJointImplicit',
  'joint-explicit': 'ConfChangeTransitionJointExplicit',
  // No script has it: etcd-io/raft knows no such change.
  forced: '',
}

const changeNames: Readonly<Record<ReplicaChange['kind'], string>> = {
  'add-voter': 'ConfChangeAddNode',
  'add-learner': 'ConfChangeAddLearnerNode',
  remove: 'ConfChangeRemoveNode',
  update: 'ConfChangeUpdateNode',
}

/** A change as the scripts' own core logs it. */
export function describeChangeValue({ change, v1 }: ScriptChange): string {
  const changes = change.changes.map(({ kind, id }) => `${changeNames[kind]} ${id}`)
  if (v1) return `{${changes.join()} [] 0}`
  const list = changes.map((text) => `{${text}}`).join(' ')
  return `{${transitionNames[change.transition]} [${list}] []}`
}
