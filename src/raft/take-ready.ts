import type { HardState, Ready, SoftState } from './ready.js'
import { canStartReadRound, startReadRound } from './read-index.js'
import { appliableIndex, type CoreState } from './state.js'

/** Whether takeReady would give anything to do. */
export function hasReady(state: CoreState): boolean {
  return (
    state.messages.length > 0 ||
    state.messagesAfterPersist.length > 0 ||
    state.persistence.nextIndex <= state.log.lastIndex ||
    state.applying.hasNext(appliableIndex(state)) ||
    state.reads.hasResults ||
    canStartReadRound(state) ||
    changedHardState(state) !== undefined ||
    changedSoftState(state) !== undefined
  )
}

/** Collects everything there is to do, and takes it as handed out. */
export function takeReady(state: CoreState): Ready {
  if (canStartReadRound(state)) startReadRound(state)
  const persisted = takePersisted(state)
  const softState = changedSoftState(state)
  const committed = state.applying.take(state.log, appliableIndex(state))
  const { messages, messagesAfterPersist } = state
  state.messages = []
  state.messagesAfterPersist = []
  if (softState !== undefined) state.toldSoftState = softState
  return {
    ...persisted,
    ...(softState && { softState }),
    ...(committed && { committed }),
    ...state.reads.takeResults(),
    messages,
    messagesAfterPersist,
  }
}

type Persisted = Pick<
  Ready,
  'hardState' | 'truncateFrom' | 'entries' | 'mustSync' | 'acknowledgement'
>

function takePersisted(state: CoreState): Persisted {
  const { log, persistence, toldHardState } = state
  const { nextIndex, truncateFrom } = persistence
  const hardState = changedHardState(state)
  const entries = nextIndex <= log.lastIndex ? log.slice(nextIndex, log.lastIndex) : undefined
  if (hardState !== undefined) state.toldHardState = hardState
  const mustSync = entries !== undefined || (hardState && isElectionState(hardState, toldHardState))
  return {
    mustSync: mustSync === true,
    ...(hardState && { hardState }),
    ...(truncateFrom !== undefined && { truncateFrom }),
    ...(entries && { entries }),
    ...(mustSync && { acknowledgement: persistence.handOut(log.lastIndex, state.toldHardState) }),
  }
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
