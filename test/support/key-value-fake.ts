import { KeyValueMachine } from '../../src/apply/key-value.js'
import { asTerm } from '../../src/base/ids.js'
import type { FakeMachine } from './fake-cluster.js'

/** The real key-value machine for a FakeCluster. */
export function keyValueMachine(): FakeMachine {
  const store = new KeyValueMachine()
  return {
    apply: (payload, index) => store.apply([{ index, term: asTerm(1), payload }])[0]!,
    query: (request) => store.query(request),
  }
}
