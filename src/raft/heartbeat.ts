import type { Heartbeat, HeartbeatResponse } from './messages.js'
import type { Progress } from './progress.js'
import { sendAppend } from './replication.js'
import { hearRoundTrip } from './high-round-trip.js'
import { hasSendableSnapshot } from './send-snapshot.js'
import { becomeFollower } from './roles.js'
import { commitTo, hearLeader, type CoreState } from './state.js'

/** Tells every follower that the leader lives, and asks for a confirmation of the newest read round.
 *  @param mark says that nothing follows until something happens. */
export function broadcastHeartbeat(state: CoreState, mark: Pick<Heartbeat, 'quiesce'> = {}): void {
  const context = state.reads.pendingRound
  for (const to of state.tracker.ids) {
    const progress = state.tracker.progressOf(to)
    if (to === state.id || progress === undefined) continue
    // A follower that lacks entries must not be told that they are committed.
    const commitIndex =
      progress.matchIndex < state.commitIndex ? progress.matchIndex : state.commitIndex
    const { id: from, term, nowTicks: sentTicks } = state
    const marks = progress.roundTrip.isHigh ? { ...mark, highRoundTrip: true as const } : mark
    const kind = 'heartbeat'
    state.messages.push({ kind, from, to, term, commitIndex, context, sentTicks, ...marks })
  }
}

/** A follower hears its leader. */
export function handleHeartbeat(state: CoreState, message: Heartbeat): void {
  hearLeader(state, message.from)
  answer(state, message)
  fallSilent(state, message)
}

/** A candidate hears the leader of its own term, and follows it (Raft §5.2). */
export function followHeartbeat(state: CoreState, message: Heartbeat): void {
  becomeFollower(state, message.term, message.from)
  answer(state, message)
}

/** A follower lives: what may have been lost on the way to it is probed again, and a read round gains a vote. */
export function handleHeartbeatResponse(state: CoreState, message: HeartbeatResponse): void {
  const progress = state.tracker.progressOf(message.from)
  if (progress === undefined) return
  progress.recentActive = true
  // Only this leadership is answered here, so it is this process's clock that comes back.
  progress.roundTrip.note(state.nowTicks - message.sentTicks)
  progress.resume()
  if (!hasSendableSnapshot(state)) probeCompacted(state, progress)
  // With a full window this is an empty append: its answer, either way, frees the window.
  if (progress.matchIndex < state.log.lastIndex || progress.state === 'probe') {
    sendAppend(state, progress)
  }
  if (message.context === 0) return
  state.reads.confirm(message.from, message.context)
  state.reads.release(state.tracker.configuration)
}

/** What the follower was said to need is compacted away, and there is no snapshot to send. That may have been an old answer, so it is asked at the
 *  first entry that is left; a heartbeat apart, because a follower that does lack entries refuses every time. */
function probeCompacted({ log }: CoreState, progress: Progress): void {
  if (progress.state !== 'snapshot' && progress.nextIndex < log.firstIndex) {
    progress.probeFrom(log.firstIndex)
  }
}

function answer(state: CoreState, message: Heartbeat): void {
  hearRoundTrip(state, message)
  commitTo(state, message.commitIndex)
  const { from: to, context, sentTicks } = message
  const { id: from, term } = state
  state.messages.push({ kind: 'heartbeat-response', from, to, term, context, sentTicks })
}

/** The leader falls silent: nobody waits for it any more who misses nothing and waits for nothing. */
function fallSilent(state: CoreState, { commitIndex, quiesce }: Heartbeat): void {
  const { log, forwardedReads } = state
  const isSettled = state.commitIndex === log.lastIndex && commitIndex === log.lastIndex
  const waits = forwardedReads.newestNumber > 0 || forwardedReads.hasAsked
  state.quiesced = quiesce === true && isSettled && !waits
}
