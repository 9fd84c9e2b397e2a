import test, { type ExecutionContext } from 'ava'
import { ClustorError } from '../../src/log.js'
import { Scrubber, type ScrubOptions, type ScrubStep } from '../../src/wal/scrubber.js'
import { ManualTimers } from '../support/manual-timers.js'

const MiB = 1024 * 1024
const hour = 3_600_000
const usual: ScrubOptions = {
  scrubIntervalMs: 6 * hour,
  scrubPassMs: 168 * hour,
  scrubStepBytes: MiB,
  scrubPaused: false,
}

/** A log of so many bytes under a scrubber, in a time that the test moves. */
class ScrubbedLog {
  readonly timers = new ManualTimers()
  readonly scrubber: Scrubber
  failure: Error | null = null
  steps = 0
  #offset = 0

  constructor(totalBytes: number, options: Partial<ScrubOptions> = {}) {
    this.scrubber = new Scrubber(
      { ...usual, ...options },
      {
        step: (bytesMax) => this.#step(totalBytes, bytesMax),
        totalBytes: () => totalBytes,
        isDamage: (error) => error instanceof ClustorError,
      },
      this.timers,
    )
  }

  /** Moves the time in small pieces, so that each step gets to schedule the next. */
  async pass(durationMs: number, pieceMs = durationMs / 1000): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += pieceMs) {
      this.timers.advance(pieceMs)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #step(totalBytes: number, bytesMax: number): Promise<ScrubStep> {
    this.steps += 1
    if (this.failure !== null) return Promise.reject(this.failure)
    const bytes = Math.min(bytesMax, totalBytes - this.#offset)
    this.#offset += bytes
    const passDone = this.#offset === totalBytes
    if (passDone) this.#offset = 0
    return Promise.resolve({ bytes, passDone })
  }
}

test('at least a hundredth of the log is verified in six hours, and all of it in a week', async (t) => {
  for (const totalBytes of [MiB / 2, 64 * MiB, 1024 * MiB]) {
    const log = new ScrubbedLog(totalBytes)

    await log.pass(6 * hour)
    t.true(log.scrubber.status().verifiedBytes >= totalBytes / 100, `${totalBytes}`)
    await log.pass(162 * hour)

    t.true(log.scrubber.status().passes >= 1, `${totalBytes}`)
    t.true(log.scrubber.status().coverageAgeMs <= 168 * hour)
  }
})

test('a slow pass still verifies a hundredth in each interval', async (t) => {
  const log = new ScrubbedLog(1000 * MiB, { scrubPassMs: 8760 * hour })

  await log.pass(6 * hour)

  t.true(log.scrubber.status().verifiedBytes >= 10 * MiB)
})

test('the scrubber does not read more than its pace asks for', async (t) => {
  const log = new ScrubbedLog(168 * MiB)

  await log.pass(24 * hour)

  t.true(log.steps <= 25, `${log.steps}`)
})

test('a paused scrubber reads nothing and sets no timer, and resumes', async (t) => {
  const log = new ScrubbedLog(MiB, { scrubPaused: true })
  await log.pass(200 * hour)
  t.is(log.steps, 0)
  t.is(log.timers.waitingCount, 0)
  t.true(log.scrubber.status().paused)

  log.scrubber.resume()
  await log.pass(7 * hour)
  log.scrubber.pause()
  const { steps } = log
  await log.pass(20 * hour)

  t.true(steps >= 1)
  t.is(log.steps, steps)
})

test('the age of the coverage is that of the oldest verification', async (t) => {
  const log = new ScrubbedLog(10 * MiB)
  t.is(log.scrubber.status().coverageAgeMs, 0)

  await log.pass(100 * hour)
  t.true(Math.abs(log.scrubber.status().coverageAgeMs - 100 * hour) < hour)
  await log.scrubber.run(fullPass, undefined, unexpected)

  t.is(log.scrubber.status().coverageAgeMs, 0)
  t.true(log.scrubber.status().passes >= 1)
})

test('a pass that is asked for ends when its caller says so', async (t) => {
  const log = new ScrubbedLog(MiB)
  const signal = AbortSignal.abort()
  const aborted = (): ClustorError => new ClustorError('ERR_ABORTED', 'aborted')

  await t.throwsAsync(log.scrubber.run(fullPass, signal, aborted), { code: 'ERR_ABORTED' })
})

test('damage ends the scrubbing, a failed read does not', async (t: ExecutionContext) => {
  const log = new ScrubbedLog(MiB)
  log.failure = new Error('EIO')
  await log.pass(50 * hour)
  t.true(log.steps > 2)

  log.failure = new ClustorError('ERR_LOG_QUARANTINED', 'rot')
  await log.pass(10 * hour)
  const { steps } = log
  await log.pass(50 * hour)

  t.is(log.steps, steps)
  t.is(log.timers.waitingCount, 0)
})

const fullPass = (): Promise<ScrubStep> => Promise.resolve({ bytes: MiB, passDone: true })

const unexpected = (): ClustorError => new ClustorError('ERR_INTERNAL', 'not aborted')
