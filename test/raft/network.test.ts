import test from 'ava'
import { RandomNetwork, type RunReport } from './support/random-network.js'

const steps = 3000
const seedCount = Number(process.env['RAFT_SEEDS'] ?? 100)
const firstSeed = Number(process.env['RAFT_SEED'] ?? 1)

function run(seed: number, churn: boolean): RunReport {
  try {
    return new RandomNetwork(seed, { churn }).run(steps)
  } catch (error) {
    const rerun = `RAFT_SEED=${seed} RAFT_SEEDS=1 npx ava build/test/raft/network.test.js`
    throw new Error(`seed ${seed} fails; rerun it with: ${rerun}`, { cause: error })
  }
}

/** Runs every seed and adds up what happened. */
function runAll(churn: boolean): Record<string, number> {
  const totals: Record<string, number> = {}
  for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
    const { faults, ...counts } = run(seed, churn)
    for (const [name, count] of Object.entries({ ...faults, ...counts })) {
      totals[name] = (totals[name] ?? 0) + count
    }
  }
  return totals
}

test('R17: clusters on networks that lose, duplicate, reorder and part stay safe and recover', (t) => {
  const { changes, ...totals } = runAll(false)

  t.log({ seeds: seedCount, ...totals })
  t.is(changes, 0)
  for (const [name, count] of Object.entries(totals)) {
    t.true(count > 0, `no run exercised ${name}`)
  }
})

test('M01, M12, R17: clusters whose members come and go on such networks stay safe and recover', (t) => {
  const totals = runAll(true)

  t.log({ seeds: seedCount, ...totals })
  for (const [name, count] of Object.entries(totals)) {
    t.true(count > 0, `no run exercised ${name}`)
  }
})

test('equal seeds give equal runs', (t) => {
  t.deepEqual(run(4711, true), run(4711, true))
})
