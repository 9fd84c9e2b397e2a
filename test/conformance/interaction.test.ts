import test from 'ava'
import { environment, led } from './environment.js'

const states = (...leaders: readonly number[]): string[] =>
  leaders.map((leader, at) => {
    const role = leader === at + 1 ? 'StateLeader' : 'StateFollower'
    return `${at + 1}: ${role} (Voter) Term:1 Lead:${leader}`
  })

test('a follower forwards a proposal, with its next Ready, and the leader appends it', (t) => {
  const run = environment(...led, 'log-level debug')

  t.deepEqual(run('propose 2 foo'), ['ok'])
  t.deepEqual(run('process-ready 2'), [
    'Ready MustSync=false:',
    'Messages:',
    '2->1 MsgProp Term:0 Log:0/0 Entries:[0/0 EntryNormal "foo"]',
  ])
  t.deepEqual(run('deliver-msgs 1'), [
    '2->1 MsgProp Term:0 Log:0/0 Entries:[0/0 EntryNormal "foo"]',
  ])
  run('process-ready 1')

  t.deepEqual(run('raft-log 1'), ['1/3 EntryNormal ""', '1/4 EntryNormal "foo"'])
})

test('a change is forwarded as well, and refused by the leader', (t) => {
  const run = environment(...led, 'propose-conf-change 2\nl4', 'propose-conf-change 3\nl5')
  run('process-ready 2 3')
  run('log-level info')

  t.deepEqual(run('deliver-msgs 1'), [
    '2->1 MsgProp Term:0 Log:0/0 Entries:[0/0 EntryConfChangeV2 l4]',
    '3->1 MsgProp Term:0 Log:0/0 Entries:[0/0 EntryConfChangeV2 l5]',
    'INFO 1 ignoring conf change {ConfChangeTransitionAuto [{ConfChangeAddLearnerNode 5}] []} at config voters=(1 2 3): possible unapplied conf change at index 4 (applied to 3)',
  ])
})

test('a forwarded proposal that arrives where nobody leads is dropped there', (t) => {
  const run = environment(...led, 'propose 2 foo', 'process-ready 2', 'campaign 3')
  run('process-ready 3')
  run('deliver-msgs 1 type=MsgVote')
  run('log-level debug')

  t.deepEqual(run('deliver-msgs 1'), [
    '2->1 MsgProp Term:0 Log:0/0 Entries:[0/0 EntryNormal "foo"]',
    'INFO 1 no leader at term 2; dropping proposal',
    'raft proposal dropped',
  ])
})

test('a follower with asynchronous storage forwards without its storage', (t) => {
  const [, , ...rest] = led
  const run = environment(
    'log-level none',
    'add-nodes 3 voters=(1,2,3) index=2 async-storage-writes=true',
    ...rest,
    'propose 2 foo',
    'log-level debug',
  )

  t.deepEqual(run('process-ready 2'), [
    'Ready MustSync=false:',
    'Messages:',
    '2->1 MsgProp Term:0 Log:0/0 Entries:[0/0 EntryNormal "foo"]',
  ])
})

test('a follower forwards a request to hand leadership over', (t) => {
  const run = environment(...led, 'transfer-leadership from=2 to=3', 'process-ready 2')
  run('log-level debug')

  t.deepEqual(run('deliver-msgs 1'), [
    '3->1 MsgTransferLeader Term:1 Log:0/0',
    'INFO 1 [term 1] starts to transfer leadership to 3',
    'INFO 1 sends MsgTimeoutNow to 3 immediately as 3 already has up-to-date log',
  ])
})

test('a forwarded request to hand leadership over counts for its term only', (t) => {
  const run = environment(...led, 'transfer-leadership from=2 to=3', 'process-ready 2')
  run('campaign 3')
  run('process-ready 3')
  run('deliver-msgs 1 type=MsgVote')
  run('log-level debug')

  t.deepEqual(run('deliver-msgs 1'), [
    '3->1 MsgTransferLeader Term:1 Log:0/0',
    'INFO 1 [term: 2] ignored a MsgTransferLeader message with lower term from 3 [term: 1]',
  ])
})

test('a leadership that cannot be handed over says why', (t) => {
  const run = environment(
    'log-level none',
    'add-nodes 3 voters=(1,2) learners=(3) index=2',
    'log-level debug',
  )
  t.deepEqual(run('transfer-leadership from=2 to=1'), [
    'INFO 2 no leader at term 0; dropping leader transfer msg',
  ])
  run('campaign 1')
  run('stabilize')

  t.deepEqual(run('transfer-leadership from=1 to=3'), [
    'DEBUG 1 is learner. Ignored transferring leadership',
  ])
  t.deepEqual(run('transfer-leadership from=1 to=4'), ['DEBUG 1 no progress available for 4'])
  run('transfer-leadership from=1 to=2')
  t.deepEqual(run('transfer-leadership from=1 to=1'), [
    'INFO 1 [term 1] abort previous transferring leadership to 2',
    'DEBUG 1 is already leader. Ignored transferring leadership to self',
  ])
})

test('with reads by lease a follower does not forget its leader', (t) => {
  const options = 'checkquorum=true read-only=lease-based'
  const run = environment(
    'log-level none',
    `add-nodes 2 voters=(1,2) index=2 ${options}`,
    'campaign 1',
    'stabilize',
    'log-level error',
  )

  t.deepEqual(run('forget-leader 2'), ['ERROR ignoring MsgForgetLeader due to ReadOnlyLeaseBased'])
  t.deepEqual(run('forget-leader 1'), ['ok'])
  t.deepEqual(run('raft-state'), states(1, 1))
})

test('with safe reads a follower forgets its leader', (t) => {
  const run = environment(
    'log-level none',
    'add-nodes 2 voters=(1,2) index=2 read-only=safe',
    'campaign 1',
    'stabilize',
    'log-level debug',
  )

  t.deepEqual(run('forget-leader 2'), ['INFO 2 forgetting leader 1 at term 1'])
  t.deepEqual(run('raft-state'), states(1, 0))
})

test('settings of nodes that cannot work are refused', (t) => {
  const run = environment('log-level none')

  t.deepEqual(run('add-nodes 1 voters=(1) index=2 read-only=fast'), [
    'invalid read-only option "fast"',
  ])
  t.deepEqual(run('add-nodes 1 voters=(1) index=2 read-only=lease-based'), [
    'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased',
  ])
  for (const bootstrap of ['voters=(1)', 'learners=(1) index=1', 'index=1', 'content=foo']) {
    t.deepEqual(run(`add-nodes 1 ${bootstrap}`), [
      'index must be specified as > 1 due to bootstrap',
    ])
  }
  t.deepEqual(run('add-nodes 1 wings=2'), ['unknown option wings of add-nodes'])
  t.deepEqual(run('raft-state'), ['ok'])
})

test('the ticks of a node can be set, and passed one by one', (t) => {
  const run = environment(
    'log-level none',
    'add-nodes 1 voters=(1) index=2 election-tick=5 heartbeat-tick=2',
    'add-nodes 1 voters=(1,2) index=2',
    'log-level info',
  )

  t.deepEqual(run('tick 1 4'), ['ok'])
  t.deepEqual(run('tick 1 1'), [
    'INFO 1 is starting a new election at term 0',
    'INFO 1 became candidate at term 1',
  ])
  t.is(run('tick-election 2')[0], 'INFO 2 is starting a new election at term 0')
})

test('an election timeout that is set counts the time that has passed, and may be long', (t) => {
  const run = environment('log-level none', 'add-nodes 2 voters=(1,2) index=2', 'log-level info')

  run('tick 1 2')
  run('set-randomized-election-timeout 1 timeout=4')
  t.deepEqual(run('tick 1 1'), ['ok'])
  t.is(run('tick 1 1')[0], 'INFO 1 is starting a new election at term 0')

  run('set-randomized-election-timeout 2 timeout=40')
  t.deepEqual(run('tick 2 39'), ['ok'])
  t.is(run('tick 2 1')[0], 'INFO 2 is starting a new election at term 0')
})

test('what a node tells itself is not lost on the way', (t) => {
  const run = environment(
    'log-level none',
    'add-nodes 1 voters=(1) index=2 async-storage-writes=true',
    'campaign 1',
    'process-ready 1',
    'process-append-thread 1',
    'log-level info',
  )

  t.deepEqual(run('deliver-msgs drop=(1)'), ['no messages'])
  t.is(run('deliver-msgs 1')[0], '1->1 MsgVoteResp Term:1 Log:0/0')
})

test('messages of one type are delivered, the others stay on their way', (t) => {
  const run = environment(...led, 'propose 1 foo', 'tick-heartbeat 1', 'process-ready 1')
  run('log-level info')

  t.deepEqual(run('deliver-msgs 2 type=MsgHeartbeat'), [
    '1->2 MsgHeartbeat Term:1 Log:0/0 Commit:3',
  ])
  t.deepEqual(run('deliver-msgs type=MsgHeartbeat drop=(3)'), [
    'dropped: 1->3 MsgHeartbeat Term:1 Log:0/0 Commit:3',
  ])
  t.is(run('deliver-msgs 2 drop=3').length, 2)
  t.deepEqual(run('deliver-msgs type=MsgHum 1'), ['unknown message type MsgHum'])
  t.deepEqual(run('deliver-msgs 1 drop=1'), ["can't both deliver and drop msgs to 1"])
})

test('a step that names no node for its work has nothing to do', (t) => {
  const run = environment('log-level none', 'add-nodes 1 voters=(1) index=2', 'campaign 1')
  run('log-level info')

  for (const verb of ['process-ready', 'process-append-thread', 'process-apply-thread']) {
    t.deepEqual(run(verb), ['ok'])
  }
  t.is(run('process-ready 1')[0], 'Ready MustSync=true:')
  t.deepEqual(run('process-append-thread 1'), ['no append work to perform'])
  t.deepEqual(run('process-apply-thread 1'), ['no apply work to perform'])
})

test('every node has its own limit of appends on their way', (t) => {
  const run = environment(
    'log-level none',
    'add-nodes 2 voters=(1,2) index=2 inflight=1',
    'campaign 1',
    'stabilize',
    'add-nodes 1',
    'propose 1 foo',
    'process-ready 1',
    'log-level info',
  )

  t.is(run('status 1')[1], '2: StateReplicate match=3 next=5 paused inflight=1[full]')
})

test('without a limit a leader sends on without an answer', (t) => {
  const run = environment(...led)
  for (let count = 0; count < 300; count++) run(`propose 1 ${count}`)
  run('process-ready 1')
  run('log-level info')

  t.is(run('status 1')[1], '2: StateReplicate match=3 next=304 inflight=300')
})

test('entries that are being applied hold the next ones back', (t) => {
  const limits = 'max-committed-size-per-ready=1'
  const run = environment(
    'log-level none',
    `add-nodes 1 voters=(1) index=2 async-storage-writes=true ${limits}`,
    'campaign 1',
    'stabilize',
    'propose 1 foo',
    'propose 1 bar',
    'process-ready 1',
    'process-append-thread 1',
    'deliver-msgs 1',
    'log-level info',
  )

  t.true(run('process-ready 1').includes('1/4 EntryNormal "foo"'))
  t.deepEqual(run('process-ready 1'), ['<empty Ready>'])
  run('process-apply-thread 1')
  run('deliver-msgs 1')
  t.true(run('process-ready 1').includes('1/5 EntryNormal "bar"'))
})

test('a node applies what a quorum of others holds, before its own disk does, if it is told to', (t) => {
  const applied = (options: string): boolean => {
    const run = environment(
      'log-level none',
      `add-nodes 3 voters=(1,2,3) index=2 async-storage-writes=true ${options}`,
      'campaign 1',
      'stabilize',
      'propose 1 foo',
      'process-ready 1',
      'stabilize 2 3',
      'deliver-msgs 1',
      'log-level info',
    )
    return run('process-ready 1').includes('CommittedEntries:')
  }

  t.true(applied('async-storage-writes-nonlocal-quorum=true'))
  t.false(applied('async-storage-writes-nonlocal-quorum=false'))
})

test('a deposed leader ignores its own late acknowledgement', (t) => {
  const deposed = (options: string): ((text: string) => string[]) => {
    const run = environment(
      'log-level none',
      `add-nodes 3 voters=(1,2,3) index=2 ${options}`,
      'campaign 1',
      'stabilize',
      'propose 1 foo',
      'campaign 2',
      'process-ready 2',
      'process-append-thread 2',
      'deliver-msgs 1',
      'log-level info',
    )
    return run
  }
  const ignored = 'INFO 1 [term: 2] ignored a MsgAppResp message with lower term from 1 [term: 1]'

  t.is(deposed('')('process-ready 1').at(-1), ignored)
  const run = deposed('async-storage-writes=true')
  t.true(run('process-ready 1').includes('  1->1 MsgAppResp Term:1 Log:0/4'))
  run('process-append-thread 1')
  t.true(run('deliver-msgs 1').includes(ignored))
})

test('an old leader is answered with pre-vote only', (t) => {
  const answersTo = (options: string): string[] => {
    const run = environment(
      'log-level none',
      `add-nodes 3 voters=(1,2,3) index=2 ${options}`,
      'campaign 1',
      'stabilize',
      'propose 1 foo',
      'process-ready 1',
      'campaign 2',
      'process-ready 2',
      'deliver-msgs 3 type=MsgPreVote',
      'process-ready 3',
      'deliver-msgs 2 type=MsgPreVoteResp',
      'process-ready 2',
      'deliver-msgs 3 type=MsgVote',
      'process-ready 3',
      'deliver-msgs 3 type=MsgApp',
      'log-level info',
    )
    return run('process-ready 3')
  }

  t.deepEqual(answersTo('prevote=false'), ['<empty Ready>'])
  t.is(answersTo('prevote=true').at(-1), '3->1 MsgAppResp Term:2 Log:0/0')
})

test('a compaction needs entries that are there', (t) => {
  const run = environment(...led)

  t.deepEqual(run('compact 1 2'), ['requested index is unavailable due to compaction'])
  t.deepEqual(run('compact 1 4'), ['compact 4 is out of bound lastindex(3)'])
  t.deepEqual(run('compact 1 3'), ['ok'])
})

test('a compaction that the core refuses leaves the storage as it is', (t) => {
  const run = environment(...led, 'propose 1 foo', 'process-ready 1', 'log-level info')

  t.true(run('compact 1 4')[0]?.startsWith('invariant R10'))
  t.deepEqual(run('raft-log 1'), ['1/3 EntryNormal ""', '1/4 EntryNormal "foo"'])
})

test('a change that is not well formed is refused', (t) => {
  const run = environment(...led)
  const once = 'v1 conf change can only have one operation and no transition'

  t.deepEqual(run('propose-conf-change 1 v1=true\nl4 l5'), [once])
  t.deepEqual(run('propose-conf-change 1 v1=true transition=explicit\nl4'), [once])
  t.deepEqual(run('propose-conf-change 1 transition=sudden\nl4'), ['unknown transition sudden'])
  t.deepEqual(run('propose-conf-change 1 wings=2\nl4'), ['unknown command wings'])
  t.deepEqual(run('propose-conf-change 1 v1=true\nl4'), ['ok'])
})

test('a level may be written in capitals, and a breakpoint does nothing', (t) => {
  const run = environment('log-level NONE', 'add-nodes 1 learners=(1) index=2', 'log-level WARN')

  t.deepEqual(run('campaign 1'), ['WARN 1 is unpromotable and can not campaign'])
  t.deepEqual(run('_breakpoint'), ['ok'])
})

test('a level that is set among other commands of a step stays', (t) => {
  const run = environment('log-level none')

  run('add-nodes 1 learners=(1) index=2\nlog-level warn')
  t.deepEqual(run('campaign 1'), ['WARN 1 is unpromotable and can not campaign'])
})

const commands = [
  ['_breakpoint', 'add-nodes', 'campaign', 'compact', 'deliver-msgs', 'forget-leader', 'log-level'],
  ['process-append-thread', 'process-apply-thread', 'process-ready', 'propose', 'stabilize'],
  ['propose-conf-change', 'raft-log', 'raft-state', 'report-unreachable', 'send-snapshot'],
  ['set-randomized-election-timeout', 'status', 'tick-election', 'tick-heartbeat'],
  ['transfer-leadership'],
].flat()

for (const command of commands) {
  test(`${command} is a command of the environment`, (t) => {
    t.notThrows(() => environment()(command))
  })
}
