import test from 'ava'

import { resolveOptions } from '../../src/config/resolve.js'
import type { Options } from '../../src/config/options.js'
import { coreOptions } from '../../src/replica/settings.js'

const coreOf = (values: Partial<Options>): object =>
  coreOptions(resolveOptions([{ source: 'test', values }]))

test('durations reach the core as ticks, rounded up', (t) => {
  const core = coreOf({
    tickMs: 20,
    heartbeatMs: 50,
    electionTimeoutMsMin: 310,
    electionTimeoutMsMax: 620,
    electionBiasMs: 90,
    leaseMs: 110,
    leaseDriftMs: 15,
  })

  t.like(core, {
    heartbeatTicks: 3,
    electionTicksMin: 16,
    electionTicksMax: 31,
    electionBiasTicks: 5,
    leaseTicks: 6,
    leaseDriftTicks: 1,
  })
})

test('what is off by default is off in the core', (t) => {
  t.like(coreOf({}), {
    leaseTicks: 0,
    quiesceTicks: 0,
    longestLogWaitTicks: 0,
    promotionLagEntriesMax: 0,
    electionBiasTicks: 0,
  })
})

test('the wait for the longest log stays below the shortest election timeout', (t) => {
  t.like(coreOf({ longestLogWaitMs: 150 }), { longestLogWaitTicks: 14, electionTicksMin: 15 })
})

test('the wan profile doubles the election timeouts', (t) => {
  t.like(coreOf({ profile: 'wan' }), { electionTicksMin: 30, electionTicksMax: 60 })
})

test('a round trip is high from 150 ms on, from 350 ms in the wan profile, and never with 0', (t) => {
  t.like(coreOf({}), { highRoundTripTicks: 15 })
  t.like(coreOf({ profile: 'throughput' }), { highRoundTripTicks: 15 })
  t.like(coreOf({ profile: 'wan' }), { highRoundTripTicks: 35 })
  t.like(coreOf({ profile: 'wan', highRoundTripMs: 0 }), { highRoundTripTicks: 0 })
})

test('no round trip is high that is shorter than every election timeout', (t) => {
  t.like(coreOf({ electionTimeoutMsMin: 900, electionTimeoutMsMax: 900 }), {
    highRoundTripTicks: 90,
  })
})
