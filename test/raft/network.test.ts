import test from 'ava'
import { RandomNetwork, type RunReport } from './support/random-network.js'

const steps = 3000
const seedCount = Number(process.env['RAFT_SEEDS'] ?? 300)
const firstSeed = Number(process.env['RAFT_SEED'] ?? 1)

function run(seed: number): RunReport {
  try {
    return new RandomNetwork(seed).run(steps)
  } catch (error) {
    const rerun = `RAFT_SEED=${seed} RAFT_SEEDS=1 npx ava build/test/raft/network.test.js`
    throw new Error(`seed ${seed} fails; rerun it with: ${rerun}`, { cause: error })
  }
}

test('R17: clusters on networks that lose, duplicate, reorder and part stay safe and recover', (t) => {
  const totals = { elections: 0, committed: 0, reads: 0 }
  const faults: Record<string, number> = {}
  for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
    const report = run(seed)
    totals.elections += report.elections
    totals.committed += report.committed
    totals.reads += report.reads
    for (const [name, count] of Object.entries(report.faults)) {
      faults[name] = (faults[name] ?? 0) + count
    }
  }

  t.log({ seeds: seedCount, ...totals, faults })
  for (const [name, count] of Object.entries({ ...faults, ...totals })) {
    t.true(count > 0, `no run exercised ${name}`)
  }
})

test('equal seeds give equal runs', (t) => {
  t.deepEqual(run(4711), run(4711))
})
