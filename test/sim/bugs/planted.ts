/** Bugs that campaigns must find. Each replaces text of a compiled file, in a copy: the product contains no trace of them. A text
 *  that is not there exactly once fails the campaign, so a bug cannot rot away unseen. */
export interface PlantedBug {
  readonly name: string
  /** Below build/src. */
  readonly file: string
  readonly text: string
  readonly replacement: string
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a second vote in one term',
    file: 'raft/request-vote.js',
    text: 'return state.vote === from || (state.vote === 0 && state.leader === 0);',
    replacement: 'return true;',
  },
  {
    name: 'a vote for a shorter log',
    file: 'raft/request-vote.js',
    text: 'lastTerm > last.term || (lastTerm === last.term && lastIndex >= last.index)',
    replacement: 'true',
  },
  {
    name: 'the vote is forgotten when stepping down within a term',
    file: 'raft/roles.js',
    text: 'if (term === state.term)\n        return;',
    replacement: 'if (term === state.term) {\n state.vote = noReplica;\n return;\n }',
  },
  {
    name: 'entries of old terms commit by counting (figure 8)',
    file: 'raft/replication.js',
    text: 'index <= state.commitIndex || !state.log.holds(index, state.term)',
    replacement: 'index <= state.commitIndex',
  },
  {
    name: 'half of an even number of voters counts as a majority',
    file: 'raft/quorum.js',
    text: 'Math.floor(voterCount / 2) + 1',
    replacement: 'Math.ceil(voterCount / 2)',
  },
  {
    name: 'a joint configuration commits with one of its halves',
    file: 'raft/quorum.js',
    text: 'majorityPosition(voters.outgoing, positionOf));',
    replacement: 'Infinity);',
  },
  {
    name: 'a message of an older term is handled',
    file: 'raft/term-gate.js',
    text: 'return answerOldTerm(state, message);',
    replacement: 'return true;',
  },
  {
    name: 'a repeated append truncates what follows it',
    file: 'raft/append-entries.js',
    text: 'const firstMissing = log.firstMissing(entries);\n    if (firstMissing === undefined)',
    replacement: 'const firstMissing = entries.firstIndex;\n    if (firstMissing === undefined)',
  },
  {
    name: 'an append is taken without looking at what precedes it',
    file: 'raft/append-entries.js',
    text: 'if (!state.log.holds(prevIndex, prevTerm)) {',
    replacement: 'if (prevIndex > state.log.lastIndex) {',
  },
  {
    name: 'a heartbeat tells a commit index beyond the match',
    file: 'raft/heartbeat.js',
    text: 'progress.matchIndex < state.commitIndex ? progress.matchIndex : state.commitIndex',
    replacement: 'state.commitIndex',
  },
  {
    name: 'a late write vouches for the entry that replaced its own (ABA)',
    file: 'raft/persistence.js',
    text: 'write.lastIndex = Math.min(write.lastIndex, index - 1);',
    replacement: '{ }',
  },
  {
    name: 'entries count as durable when they are handed to the disk',
    file: 'raft/persistence.js',
    text: 'this.#handedOutIndex = lastIndex;\n        this.#truncateFrom = undefined;\n        this.#inFlight.push',
    replacement:
      'this.#handedOutIndex = lastIndex;\n        this.#truncateFrom = undefined;\n        this.#durableIndex = lastIndex;\n        this.#inFlight.push',
  },
  {
    name: 'an older snapshot takes the place of a newer log',
    file: 'raft/install-snapshot.js',
    text: 'if (snapshot.index <= state.commitIndex)\n        return false;',
    replacement: '',
  },
  {
    name: 'entries are applied before they are committed',
    file: 'raft/state.js',
    text: 'return Math.min(state.commitIndex, state.persistence.durableIndex);',
    replacement: 'return state.persistence.durableIndex;',
  },
  {
    name: 'a read is confirmed without a quorum',
    file: 'raft/read-rounds.js',
    text: 'this.#rounds[0].number <= confirmed',
    replacement: 'confirmed >= 0',
  },
  {
    name: 'a new leader serves reads before it has committed in its term',
    file: 'raft/read-index.js',
    text: 'reads.hasAsked && log.holds(commitIndex, term)',
    replacement: 'reads.hasAsked',
  },
  {
    name: 'answers leave before what they promise is durable',
    file: 'replica/ready-executor.js',
    text: 'this.#release(ready.messagesAfterPersist, this.#pending.at(-1));',
    replacement: 'this.#release(ready.messagesAfterPersist, undefined);',
  },
  {
    name: 'a write that a full disk refused counts as done',
    file: 'replica/ready-executor.js',
    text: 'this.#refuse(error);',
    replacement: 'this.#complete(pending);',
  },
  {
    name: 'a retry within a session is applied again',
    file: 'apply/sessions.js',
    text: 'if (stamp.sequence <= session.lastSequence) {',
    replacement: 'if (stamp.sequence < session.lastSequence) {',
  },
  {
    name: 'a retry gets the answer of another proposal',
    file: 'apply/sessions.js',
    text: 'session.answers.length - 1 -',
    replacement: 'session.answers.length - 2 -',
  },
  {
    name: 'a proposal is answered by whatever is applied at its index',
    file: 'replica/proposals.js',
    text: 'if (proposal.term !== term) {',
    replacement: 'if (false) {',
  },
  {
    name: 'a proposal that timed out in the log is said not to be applied',
    file: 'replica/proposals.js',
    text: "this.#reject(proposal, timedOut('unknown'));",
    replacement: "this.#reject(proposal, timedOut('not-applied'));",
  },
]
