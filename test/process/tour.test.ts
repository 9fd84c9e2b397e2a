import test from 'ava'
import { clustor, DevCluster, nothingLeft } from './cli-support.js'

interface TourReport {
  readonly ok: boolean
  readonly load: { readonly lines: number }
  readonly kill: {
    readonly killed: string
    readonly newLeader: string
    readonly linesAfter: number
    readonly linesUnderWay: number
  }
  readonly acknowledgedLines: number
  readonly nodes: readonly { readonly expected: number; readonly intact: number }[]
}

test('the guided tour kills the leader in the middle of a load and every acknowledged line is on every node', async (t) => {
  const { code, stdout, stderr } = await clustor(['dev', '--once', '--json'])

  t.is(code, 0, stderr)
  const report = JSON.parse(stdout) as TourReport
  t.true(report.ok)
  t.is(report.load.lines, 1707)
  t.not(report.kill.newLeader, report.kill.killed)
  t.true(report.kill.linesAfter > 0)
  t.is(report.nodes.length, 3)
  for (const { expected, intact } of report.nodes) {
    t.is(expected, report.acknowledgedLines)
    t.is(intact, report.acknowledgedLines)
  }
})

test('when dev itself is killed, its nodes end and remove their directory', async (t) => {
  const cluster = await DevCluster.start()

  await cluster.interrupt('SIGKILL')

  await t.notThrowsAsync(nothingLeft(cluster.ready))
})

test('a node that dies is reported and the others go on', async (t) => {
  const cluster = await DevCluster.start()
  const [first] = cluster.ready.pids
  if (first !== undefined) process.kill(first, 'SIGKILL')

  const { code, stdout } = await cluster.run(['put', 'still', 'here', '--json'])

  t.is(code, 0)
  t.like(JSON.parse(stdout), { key: 'still', outcome: 'done' })
  t.is(await cluster.interrupt('SIGTERM'), 0)
  await t.notThrowsAsync(nothingLeft(cluster.ready))
})
