import test from 'ava'
import { environment, led } from './environment.js'

const logged = (lines: readonly string[]): string[] =>
  lines.filter((line) => /^ *(DEBUG|INFO|WARN|ERROR) /.test(line)).map((line) => line.trim())

test('a node that is made says its configuration, its role and its log', (t) => {
  t.deepEqual(environment()('add-nodes 1 voters=(1,2) learners=(3) index=4'), [
    'INFO 1 switched to configuration voters=(1 2) learners=(3)',
    'INFO 1 became follower at term 0',
    'INFO newRaft 1 [peers: [1,2], term: 0, commit: 4, applied: 4, lastindex: 4, lastterm: 1]',
  ])
})

test('a level keeps what is at least as severe; none keeps nothing but errors', (t) => {
  const run = environment('log-level warn', 'add-nodes 1 learners=(1) index=2')

  t.deepEqual(run('campaign 1'), ['WARN 1 is unpromotable and can not campaign'])
  run('log-level none')
  t.deepEqual(run('campaign 1'), ['ok'])

  t.deepEqual(run('propose 1 lost'), ['raft proposal dropped'])
})

test('an error stands behind what was logged before it', (t) => {
  const run = environment('log-level none', 'add-nodes 2 voters=(1,2) index=2', 'log-level debug')

  t.deepEqual(run('propose 2 lost'), [
    'INFO 2 no leader at term 0; dropping proposal',
    'raft proposal dropped',
  ])
})

test('a level in a step counts for that step', (t) => {
  const run = environment(...led, 'log-level debug')

  t.deepEqual(run('campaign 1 log-level=info'), ['ok'])
  t.deepEqual(run('campaign 1'), ['DEBUG 1 ignoring MsgHup because already leader'])
})

test('a candidate tells its requests, and each vote with the count so far', (t) => {
  const run = environment(...led, 'log-level info')

  t.deepEqual(run('campaign 3'), [
    'INFO 3 is starting a new election at term 1',
    'INFO 3 became candidate at term 2',
    'INFO 3 [logterm: 1, index: 3] sent MsgVote request to 1 at term 2',
    'INFO 3 [logterm: 1, index: 3] sent MsgVote request to 2 at term 2',
  ])
  run('process-ready 3')
  t.deepEqual(logged(run('deliver-msgs 2')), [
    'INFO 2 [term: 1] received a MsgVote message with higher term from 3 [term: 2]',
    'INFO 2 became follower at term 2',
    'INFO 2 [logterm: 1, index: 3, vote: 0] cast MsgVote for 3 [logterm: 1, index: 3] at term 2',
  ])
  run('process-ready 2')

  t.deepEqual(logged(run('deliver-msgs 3')), [
    'INFO 3 received MsgVoteResp from 2 at term 2',
    'INFO 3 has received 2 MsgVoteResp votes and 0 vote rejections',
    'INFO 3 became leader at term 2',
  ])
})

test('a leader that is cut off says why it steps down', (t) => {
  const run = environment(
    'log-level none',
    'add-nodes 3 voters=(1,2,3) index=2 checkquorum=true',
    'campaign 1',
    'stabilize',
    'tick-election 1',
    'log-level info',
  )

  t.deepEqual(run('tick-election 1'), [
    'WARN 1 stepped down to follower since quorum is not active',
    'INFO 1 became follower at term 1',
  ])
})

test('a follower tells the conflict that an append ends, and what it refuses', (t) => {
  const run = environment(
    ...led,
    'propose 1 lost',
    'stabilize 1',
    'deliver-msgs drop=(2,3)',
    'campaign 2',
    'stabilize 2 3',
    'log-level debug',
  )

  const lines = logged(run('stabilize 1 2'))

  t.true(lines.includes('INFO found conflict at index 4 [existing term: 1, conflicting term: 2]'))
  t.true(lines.includes('INFO replace the unstable entries from index 4'))
})

test('a follower that lacks compacted entries is refused, moved back, and sent a snapshot', (t) => {
  const run = environment(
    ...led,
    'propose 1 kept',
    'stabilize 1 2',
    'deliver-msgs drop=(3)',
    'compact 1 4',
    'tick-heartbeat 1',
    'log-level debug',
  )

  t.deepEqual(
    logged(run('stabilize')).filter((line) => !line.startsWith('INFO 3')),
    [
      'DEBUG 3 [logterm: 0, index: 4] rejected MsgApp [logterm: 1, index: 4] from 1',
      'DEBUG 1 received MsgAppResp(rejected, hint: (index 3, term 1)) from 3 for index 4',
      'DEBUG 1 decreased progress of 3 to [StateReplicate match=3 next=4 inflight=1]',
      'DEBUG 1 [firstindex: 5, commit: 4] sent snapshot[index: 4, term: 1] to 3 [StateProbe match=3 next=4]',
      'DEBUG 1 paused sending replication messages to 3 [StateSnapshot match=3 next=5 paused pendingSnap=4]',
      'INFO log [committed=3, applied=3, applying=3, unstable.offset=4, unstable.offsetInProgress=4, len(unstable.Entries)=0] starts to restore snapshot [index: 4, term: 1]',
      'DEBUG 1 recovered from needing snapshot, resumed sending replication messages to 3 [StateSnapshot match=4 next=5 paused pendingSnap=4]',
    ],
  )
})

test('a leadership that is handed over is told on both sides', (t) => {
  const run = environment(...led, 'log-level info')

  t.deepEqual(run('transfer-leadership from=1 to=3'), [
    'INFO 1 [term 1] starts to transfer leadership to 3',
    'INFO 1 sends MsgTimeoutNow to 3 immediately as 3 already has up-to-date log',
  ])
  run('process-ready 1')

  t.deepEqual(logged(run('deliver-msgs 3')).slice(0, 3), [
    'INFO 3 [term 1] received MsgTimeoutNow from 1 and starts an election to get leadership.',
    'INFO 3 is starting a new election at term 1',
    'INFO 3 became candidate at term 2',
  ])
})

test('a change that is refused is named with the configuration and the reason', (t) => {
  const run = environment(...led, 'propose-conf-change 1\nl4', 'log-level info')

  t.deepEqual(run('propose-conf-change 1 transition=explicit\nr2 v5'), [
    'INFO 1 ignoring conf change {ConfChangeTransitionJointExplicit [{ConfChangeRemoveNode 2} {ConfChangeAddNode 5}] []} at config voters=(1 2 3): possible unapplied conf change at index 4 (applied to 3)',
  ])
})

test('an unknown level is refused', (t) => {
  t.deepEqual(environment()('log-level loud'), [
    'log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]',
  ])
})
