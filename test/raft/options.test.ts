import test from 'ava'
import { asReplica } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import { Core } from '../../src/raft/core.js'
import type { CoreOptions } from '../../src/raft/ready.js'

const valid: CoreOptions = {
  id: asReplica(1),
  voters: [1, 2, 3].map(asReplica),
  random: new SeededRandom(1),
}

const refused: { readonly option: string; readonly given: Partial<CoreOptions> }[] = [
  { option: 'heartbeatTicks', given: { heartbeatTicks: 0 } },
  { option: 'electionTicksMin', given: { electionTicksMin: 5, heartbeatTicks: 5 } },
  { option: 'electionTicksMax', given: { electionTicksMin: 15, electionTicksMax: 14 } },
  { option: 'leaseTicks', given: { leaseTicks: 8 } },
  { option: 'leaseTicks', given: { leaseTicks: 7, leaseDriftTicks: 2 } },
  { option: 'leaseTicks', given: { leaseTicks: 7, leaseRoundTripTicks: 2 } },
  { option: 'leaseTicks', given: { leaseTicks: 7, checkQuorum: false } },
  { option: 'appendEntriesMax', given: { appendEntriesMax: 0 } },
  { option: 'inflightMessagesMax', given: { inflightMessagesMax: 0 } },
  { option: 'appendBytesMax', given: { appendBytesMax: 0.5 } },
  { option: 'uncommittedBytesMax', given: { uncommittedBytesMax: -1 } },
  { option: 'voters', given: { voters: [1, 1].map(asReplica) } },
  { option: 'voters', given: { voters: [0, 1].map(asReplica) } },
]

for (const { option, given } of refused) {
  test(`a core refuses ${JSON.stringify(given)} and names ${option}`, (t) => {
    const error = t.throws(() => new Core({ ...valid, ...given }))

    t.like(error, { code: 'ERR_INVALID_ARGUMENT', fields: { option } })
  })
}

test('a replica with a bias campaigns after the others', (t) => {
  const biased = new Core({ ...valid, electionBiasTicks: 20 })

  t.true(biased.status().electionTimeoutTicks > 30)
})

test('election timeouts spread over the whole interval of the options', (t) => {
  const seen = new Set<number>()
  const core = new Core({ ...valid, electionTicksMin: 10, electionTicksMax: 14 })
  for (let round = 0; round < 200; round++) {
    core.rearmElectionTimer()
    seen.add(core.status().electionTimeoutTicks)
  }

  t.deepEqual([...seen].sort(), [10, 11, 12, 13, 14])
})
