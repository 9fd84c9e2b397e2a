import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import { assertNever } from '../../src/base/invariant.js'

for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
  test(`${value} is neither a term nor an index nor a replica id (B1)`, (t) => {
    for (const brand of [asTerm, asIndex, asReplica]) {
      t.throws(() => brand(value), { message: /B1/ })
    }
  })
}

test('every integer from 0 to 2^53 - 1 is a position (B1)', (t) => {
  t.is(asIndex(0), asIndex(0))
  t.notThrows(() => asTerm(Number.MAX_SAFE_INTEGER))
})

test('a variant that no case handles stops the replica (B2)', (t) => {
  t.throws(() => assertNever('a new variant' as never), { message: /B2/ })
})
