import test from 'ava'

import { faultNames, noFaults } from './faults.js'
import { runSeed } from './run-seed.js'

const seeds = Array.from({ length: 80 }, (_, at) => at + 1)

test('L04, L05, L06, R14, R17: clusters under every fault stay safe, linearizable and exactly-once, and recover', async (t) => {
  const faults = noFaults()
  for (const seed of seeds) {
    const report = await runSeed(seed)
    t.is(report.failure, null, `seed ${seed}: npm run sim -- --seeds 1 --seed ${seed}`)
    for (const name of faultNames) faults[name] += report.faults[name]
  }
  for (const name of faultNames) t.true(faults[name] > 0, `no run exercised ${name}`)
})

test('equal seeds give equal traces, others do not', async (t) => {
  for (const seed of [4711, 4712, 4713]) {
    const first = await runSeed(seed, { keepsTrace: true })
    const second = await runSeed(seed, { keepsTrace: true })
    t.true(first.traceText.length > 0)
    t.is(first.traceText, second.traceText)
    t.is(first.digest, second.digest)
  }
  t.not((await runSeed(1)).digest, (await runSeed(2)).digest)
})
