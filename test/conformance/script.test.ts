import test from 'ava'
import { Interaction } from './interaction.js'
import { quorumVerbs } from './quorum.js'
import { parseScript, type Directive } from './script.js'

const only = (text: string): Directive => {
  const [directive] = parseScript(text)
  if (directive === undefined) throw new Error('no directive')
  return directive
}

test('a directive has a verb, arguments, input lines and expected lines', (t) => {
  const text = '# a comment\n\nverb word key=value list=(1, 2 3)\ninput\n----\nfirst\nsecond\n\n'

  t.deepEqual(parseScript(text), [
    {
      line: 3,
      verb: 'verb',
      args: [
        { key: 'word', values: [] },
        { key: 'key', values: ['value'] },
        { key: 'list', values: ['1', '2', '3'] },
      ],
      input: ['input'],
      expected: ['first', 'second'],
    },
  ])
})

test('an output with blank lines stands between double fences', (t) => {
  const text = 'one\n----\n----\na\n\nb\n----\n----\n\ntwo\n----\nok\n'

  t.deepEqual(
    parseScript(text).map(({ verb, expected }) => [verb, ...expected]),
    [
      ['one', 'a', '', 'b'],
      ['two', 'ok'],
    ],
  )
})

test('a command without dashes is refused with its line', (t) => {
  t.throws(() => parseScript('\nverb\n'), { message: 'line 2: a command without ----' })
})

test('the drawing of a quorum ranks the known positions and marks the unknown', (t) => {
  const output = quorumVerbs['committed']?.(only('committed cfg=(1,2,3) idx=(7,_,9)\n----\n'))

  t.is(
    output,
    [
      '       idx',
      'x>       7    (id=1)',
      '?        0    (id=2)',
      'xx>      9    (id=3)',
      '7',
    ].join('\n'),
  )
})

test('the interaction environment shows a whole election of a single voter', (t) => {
  const environment = new Interaction()
  const outputs = parseScript(
    'log-level error\n----\n\nadd-nodes 1 voters=(1) index=3\n----\n\ncampaign 1\n----\n\nstabilize\n----\n\n',
  ).map((directive) => environment.run(directive))

  t.deepEqual(outputs[3]?.split('\n'), [
    '> 1 handling Ready',
    '  Ready MustSync=true:',
    '  Lead:0 State:StateCandidate',
    '  HardState Term:1 Vote:1 Commit:3',
    '> 1 handling Ready',
    '  Ready MustSync=true:',
    '  Lead:1 State:StateLeader',
    '  Entries:',
    '  1/4 EntryNormal ""',
    '> 1 handling Ready',
    '  Ready MustSync=false:',
    '  HardState Term:1 Vote:1 Commit:4',
    '  CommittedEntries:',
    '  1/4 EntryNormal ""',
  ])
})

test('a command that is not known says so', (t) => {
  t.throws(() => new Interaction().run(only('levitate 1\n----\n')), {
    message: 'unknown command levitate',
  })
})

test('a change that is refused leaves an empty entry, and answers of strangers are named', (t) => {
  const environment = new Interaction()
  const run = (text: string): string => environment.run(only(`${text}\n----\n`))
  run('log-level error')
  run('add-nodes 1 voters=(1) index=3')
  run('campaign 1')
  run('stabilize')

  run('propose-conf-change 1 transition=explicit\nl2 l3')
  run('propose-conf-change 1\nv4')
  run('stabilize')

  t.is(run('raft-log 1'), '1/4 EntryNormal ""\n1/5 EntryConfChangeV2 l2 l3\n1/6 EntryNormal ""')
  t.is(run('compact 1 6'), 'log is empty: first index=7, last index=6')
  t.is(
    run('send-snapshot 1 2'),
    [
      '1->2 MsgSnap Term:1 Log:0/0',
      '  Snapshot: Index:6 Term:1 ConfState:Voters:[1] VotersOutgoing:[1] Learners:[2 3] LearnersNext:[] AutoLeave:false',
    ].join('\n'),
  )
})

test('a step may consist of several commands', (t) => {
  const environment = new Interaction()
  environment.run(only('add-nodes 1 voters=(1) index=3\nadd-nodes 1\ncampaign 1\n----\n'))

  t.is(
    environment.run(only('raft-state\n----\n')),
    '1: StateCandidate (Voter) Term:1 Lead:0\n2: StateFollower (Non-Voter) Term:0 Lead:0',
  )
})
