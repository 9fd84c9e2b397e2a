import test from 'ava'
import type { NativeLog } from '../../src/native/addon.js'
import { AppendBuffer } from '../../src/wal/append-buffer.js'

const mebibyte = 1024 * 1024

/** Submits payloads as one write and gives the memory that the native call saw. */
function submitted(buffer: AppendBuffer, payloads: readonly Uint8Array[]): Uint8Array {
  let seen = new Uint8Array()
  const append: NativeLog['append'] = (bytes) => {
    seen = bytes as Uint8Array<ArrayBuffer>
    return 1
  }
  buffer.beginWrite()
  for (const payload of payloads) buffer.push(payload)
  buffer.submit({ append }, 1, 1)
  return seen
}

const payloadsOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, () => new Uint8Array(mebibyte).fill(7))

test('memory for a group of 4 MiB and its frames is kept for the next one', (t) => {
  const buffer = new AppendBuffer()

  const first = submitted(buffer, payloadsOf(4))

  t.is(submitted(buffer, payloadsOf(4)), first)
})

test('memory that a burst took is let go', (t) => {
  const buffer = new AppendBuffer()

  const first = submitted(buffer, payloadsOf(9))

  t.true(first.byteLength >= 9 * mebibyte)
  t.true(submitted(buffer, payloadsOf(1)).byteLength < 8 * mebibyte)
})

test('reserved room is not made again', (t) => {
  const buffer = new AppendBuffer()
  buffer.reserve(3 * mebibyte + 4096)

  const seen = submitted(buffer, payloadsOf(3))

  t.is(seen.byteLength, 3 * mebibyte + 4096)
})
