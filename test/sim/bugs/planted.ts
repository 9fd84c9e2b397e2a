/** Bugs that campaigns must find. Each replaces text of a compiled file, in a copy: the product contains no trace of them. A text
 *  that is not there exactly once fails the campaign, so a bug cannot rot away unseen. */
export interface PlantedBug extends Edit {
  readonly name: string
  /** What else it takes. */
  readonly also?: readonly Edit[]
}

export interface Edit {
  /** Below build/src; or a file of the simulator, for mistakes of those who run the product. */
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
    name: 'an answer to an earlier read round confirms the newest one',
    file: 'raft/heartbeat.js',
    text: 'state.reads.confirm(message.from, message.context);',
    replacement: 'state.reads.confirm(message.from, state.reads.pendingRound);',
  },
  {
    name: 'a new leader serves reads before it has committed in its term',
    file: 'raft/read-index.js',
    text: 'log.holds(commitIndex, term)',
    replacement: 'true',
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
  {
    name: 'a change counts for its leader before it is committed (dissertation §4.1 uncorrected)',
    file: 'raft/membership-proposal.js',
    text: 'state.pendingMembershipIndex = result.lastIndex;\n    return result;',
    replacement: `state.pendingMembershipIndex = result.lastIndex;
      const next = changeMembership(state.tracker.configuration, change);
      if (next.kind === 'changed') state.tracker.reconfigure(next.configuration, state.log.lastIndex);
      return result;`,
    also: [
      {
        file: 'raft/membership-proposal.js',
        text: 'if (!log.holds(commitIndex, term))',
        replacement: 'if (false)',
      },
    ],
  },
  {
    name: 'a second change while one is on its way',
    file: 'raft/membership-proposal.js',
    text: 'if (hasChangeUnderWay(state)) {',
    replacement: 'if (false) {',
  },
  {
    name: 'a joint configuration elects with its incoming half',
    file: 'raft/quorum.js',
    text: 'const outgoing = majorityVoteResult(voters.outgoing, voteOf);',
    replacement: 'const outgoing = incoming;',
  },
  {
    name: 'a joint configuration elects with its outgoing half',
    file: 'raft/quorum.js',
    text: 'const incoming = majorityVoteResult(voters.incoming, voteOf);\n    const outgoing = majorityVoteResult(voters.outgoing, voteOf);',
    replacement: `const outgoing = majorityVoteResult(voters.outgoing.length > 0 ? voters.outgoing : voters.incoming, voteOf);
      const incoming = outgoing;`,
  },
  {
    name: 'a joint configuration decides by a majority of all its voters',
    file: 'raft/quorum.js',
    text: 'return Math.min(majorityPosition(voters.incoming, positionOf), majorityPosition(voters.outgoing, positionOf));',
    replacement:
      'return majorityPosition([...new Set([...voters.incoming, ...voters.outgoing])], positionOf);',
    also: [
      {
        file: 'raft/quorum.js',
        text: 'const incoming = majorityVoteResult(voters.incoming, voteOf);\n    const outgoing = majorityVoteResult(voters.outgoing, voteOf);',
        replacement: `const all = [...new Set([...voters.incoming, ...voters.outgoing])];
          const incoming = majorityVoteResult(all, voteOf);
          const outgoing = incoming;`,
      },
    ],
  },
  {
    name: 'learners vote and count',
    file: 'raft/tracker.js',
    text: 'return jointVoteResult(this.#configuration, (id) => this.#votes.get(id));',
    replacement: 'return jointVoteResult(this.electorate, (id) => this.#votes.get(id));',
    also: [
      {
        file: 'raft/tracker.js',
        text: 'return jointPosition(this.#configuration,',
        replacement: 'return jointPosition(this.electorate,',
      },
      {
        file: 'raft/tracker.js',
        text: 'isVoter(id) {\n        return ',
        replacement: `get electorate() {
          const { incoming, outgoing, learners } = this.#configuration;
          return { incoming: [...incoming, ...learners], outgoing };
        }
        isVoter(id) {
          return this.isLearner(id) || `,
      },
    ],
  },
  {
    name: 'a candidate that has not applied a committed change',
    file: 'raft/election.js',
    text: 'isPromotable(state) && !hasUnappliedChange(state)',
    replacement: 'isPromotable(state)',
    also: [
      {
        file: 'raft/request-vote-response.js',
        text: 'if (!hasUnappliedChange(state))',
        replacement: 'if (true)',
      },
    ],
  },
  {
    name: 'changes found in the log at a restart are not applied',
    file: 'replica/loop.js',
    text: 'this.#core.applyMembership(decodeMembershipChange(payload), index)',
    replacement: `this.#core.applyMembership(
      index > this.#parts.log.recovered.hardState.commitIndex
        ? decodeMembershipChange(payload)
        : { transition: 'auto', changes: [{ kind: 'update', id: 1 }] },
      index)`,
  },
  {
    name: 'a voter that lost its disk comes back under its old id',
    file: '../test/sim/operator.js',
    text: 'loses its disk`);\n        node.leave();',
    replacement: `loses its disk\`);
      if (node.isUp) node.kill();
      node.disk = cluster.createDisk();
      void node.start();`,
  },
  {
    name: 'a candidate counts its own vote before it is durable',
    file: 'raft/election.js',
    text: 'respondToCandidate(state, { kind: responseKind, to, term, rejected: false });',
    replacement: 'countVote(state, to, true);',
    also: [
      {
        file: 'replica/ready-executor.js',
        text: 'this.#release(ready.messages, voteWrite);',
        replacement: 'this.#release(ready.messages, undefined);',
      },
      {
        file: 'replica/ready-executor.js',
        text: '!speaksForTerm || term <= durableTerm',
        replacement: 'true',
      },
    ],
  },
  {
    name: 'a vote is written only with a new term',
    file: 'replica/ready-executor.js',
    text: 'next.term !== this.#written.term || next.vote !== this.#written.vote',
    replacement: 'next.term !== this.#written.term',
  },
  {
    name: 'with the leader its voter forgets whom it voted for',
    file: 'raft/transfer.js',
    text: "if (state.role === 'follower')\n        state.leader = noReplica;",
    replacement:
      "if (state.role === 'follower')\n        { state.leader = noReplica; state.vote = noReplica; }",
  },
  {
    name: 'a follower commits what it does not know to match',
    file: 'raft/append-entries.js',
    text: 'commitTo(state, Math.min(commitIndex, matchIndex));',
    replacement: 'commitTo(state, Math.min(commitIndex, state.log.lastIndex));',
    also: [
      // Hints lead to where the logs part, so that no append ends before it. A leader may go back further.
      {
        file: 'raft/progress.js',
        text: 'Math.min(rejectedIndex, hintIndex + 1)',
        replacement: 'Math.min(rejectedIndex, 1)',
      },
    ],
  },
  {
    name: 'a leader commits beyond the match of a quorum',
    file: 'raft/replication.js',
    text: 'const index = state.tracker.quorumMatchIndex();',
    replacement:
      'const index = Math.min(state.log.lastIndex, state.tracker.quorumMatchIndex() + 1);',
  },
  {
    name: 'a read does not wait for the state machine',
    file: 'replica/reads.js',
    text: 'if (next.index > appliedIndex)\n                return;',
    replacement: '',
  },
  {
    name: 'sessions are lost in a failover',
    file: 'apply/applier.js',
    text: 'const plan = this.#plan(batch);',
    replacement: 'this.answers = settle !== null;\n        const plan = this.#plan(batch);',
    also: [
      {
        file: 'apply/applier.js',
        text: 'if (stamp === null) {',
        replacement: 'if (stamp === null || !this.answers) {',
      },
    ],
  },
  {
    name: 'a round that prolongs a lease takes reads along that wait for the own term',
    file: 'raft/read-index.js',
    text: 'knowsCommitted(state) ? reads.takeAsked() : []',
    replacement: 'reads.takeAsked()',
  },
  {
    name: 'a lease is measured in ticks alone, and a read served after a pause',
    file: 'raft/lease.js',
    text: 'nowTicks + skippedTicks',
    replacement: 'nowTicks',
    also: [{ file: 'raft/timer.js', text: 'expireLease(state);', replacement: '' }],
  },
  {
    name: 'who promised a lease votes as soon as it forgets its leader',
    file: 'raft/lease.js',
    text: 'limits.leaseTicks > 0 && nowTicks - heardTicks < limits.electionTicksMin',
    replacement: 'false',
  },
]

/** Bugs of the C++ log, which its build for tests can switch on; only the real log has them. */
export interface LogBug {
  readonly name: string
  /** In native/simulation/addon.cc. */
  readonly logBug: string
}

export const logBugs: readonly LogBug[] = [
  { name: 'a block counts as durable when it was written', logBug: 'skip-segment-sync' },
  { name: 'a new segment is used before its name is durable', logBug: 'skip-directory-sync' },
  { name: 'a block that met a shortage stays where it is', logBug: 'skip-rollback' },
]
