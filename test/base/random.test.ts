import test from 'ava'
import { SeededRandom, integerBetween } from '../../src/base/random.js'

const draw = (seed: number, count: number): number[] => {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => random.nextUint32())
}

test('equal seeds give equal streams, and different seeds different ones', (t) => {
  t.deepEqual(draw(7, 50), draw(7, 50))
  t.notDeepEqual(draw(7, 50), draw(8, 50))
})

test('integers are spread evenly over the interval, both ends included', (t) => {
  const random = new SeededRandom(3)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 40_000; i++) {
    const slot = integerBetween(random, 10, 13) - 10
    counts[slot] = (counts[slot] ?? 0) + 1
  }

  for (const count of counts) t.true(Math.abs(count - 10_000) < 500, counts.join(' '))
})
