import type { HardState, Ready, SoftState } from './ready.js'
import {
  answerForwardedRead,
  canForwardReads,
  canStartReadRound,
  forwardReads,
  startReadRound,
} from './read-index.js'
import { appliableIndex, type CoreState } from './state.js'

/** Whether takeReady would give anything to do. */
export function hasReady(state: CoreState): boolean {
  return (
    state.messages.length > 0 ||
    state.messagesAfterPersist.length > 0 ||
    state.persistence.nextIndex <= state.log.lastIndex ||
    state.restoredSnapshot !== undefined ||
    state.applying.hasNext(appliableIndex(state)) ||
    state.reads.hasResults ||
    canStartReadRound(state) ||
    canForwardReads(state) ||
    changedHardState(state) !== undefined ||
    changedSoftState(state) !== undefined
  )
}

/** Collects everything there is to do, and takes it as handed out. */
export function takeReady(state: CoreState): Ready {
  if (canStartReadRound(state)) startReadRound(state)
  if (canForwardReads(state)) forwardReads(state)
  const { readStates, answers, droppedReads } = state.reads.takeResults()
  for (const answer of answers) answerForwardedRead(state, answer)
  const { messages, messagesAfterPersist } = state
  state.messages = []
  state.messagesAfterPersist = []
  // Filled in by assignment: this runs several times per proposal, and spreading costs ten times as much.
  const draft: Draft = { messages, messagesAfterPersist, readStates, droppedReads, mustSync: false }
  addSoftState(state, draft)
  addPersisted(state, draft)
  const committed = state.applying.take(state.log, appliableIndex(state))
  if (committed !== undefined) draft.committed = committed
  return draft
}

type Draft = { -readonly [Field in keyof Ready]: Ready[Field] }

function addSoftState(state: CoreState, draft: Draft): void {
  const softState = changedSoftState(state)
  if (softState === undefined) return
  state.toldSoftState = softState
  draft.softState = softState
}

function addPersisted(state: CoreState, draft: Draft): void {
  const { log, persistence, toldHardState } = state
  const { nextIndex, truncateFrom } = persistence
  const hardState = changedHardState(state)
  if (hardState !== undefined) {
    state.toldHardState = hardState
    draft.hardState = hardState
    draft.mustSync = isElectionState(hardState, toldHardState)
  }
  if (state.restoredSnapshot !== undefined) {
    draft.snapshot = state.restoredSnapshot
    draft.mustSync = true
    state.restoredSnapshot = undefined
  }
  if (nextIndex <= log.lastIndex) {
    draft.entries = log.slice(nextIndex, log.lastIndex)
    draft.mustSync = true
  }
  if (truncateFrom !== undefined) draft.truncateFrom = truncateFrom
  if (!draft.mustSync) return
  draft.acknowledgement = persistence.handOut(log.lastIndex, state.toldHardState.term)
}

/** A commit index alone can be lost in a crash: the leader tells it again. Term and vote cannot (Raft §5.2). */
const isElectionState = (now: HardState, told: HardState): boolean =>
  now.term !== told.term || now.vote !== told.vote

function changedHardState({
  term,
  vote,
  commitIndex,
  toldHardState,
}: CoreState): HardState | undefined {
  const unchanged = commitIndex === toldHardState.commitIndex
  if (unchanged && !isElectionState({ term, vote, commitIndex }, toldHardState)) return undefined
  return { term, vote, commitIndex }
}

function changedSoftState({ role, leader, toldSoftState }: CoreState): SoftState | undefined {
  if (role === toldSoftState.role && leader === toldSoftState.leader) return undefined
  return { role, leader }
}
