import { createHash } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import type { EntryProof, OpenLogOptions } from '../../src/log.js'
import { DurableLog, entryOfProof, proveEntry, verifyProof } from '../../src/log.js'
import { crc32c } from '../support/crc32c.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }

/** A log of several segments, entries of 5,000 bytes. */
async function written(
  t: ExecutionContext,
  options: Partial<OpenLogOptions> = {},
): Promise<{ log: DurableLog; directory: string }> {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, durability: 'group', ...small, ...options })
  t.teardown(() => log.close())
  for (let index = 1; index <= 30; index++) await log.append(payloadOf(index))
  return { log, directory }
}

const payloadOf = (index: number): Buffer => Buffer.alloc(5000, `${index} `)

for (const options of [{}, { merkleLeaves: true }, { encoding: 'json' }] as const) {
  test(`every entry is proven to whoever has the root (${JSON.stringify(options)})`, async (t) => {
    const { log } = await written(t, options)

    for (let index = 1; index <= 30; index++) {
      const proof = await log.prove(index)
      const root = await log.merkleRoot(proof.segment)

      t.true(verifyProof(proof, root), `entry ${index}`)
      t.true(verifyProof(proof, Buffer.from(root).toString('hex').toUpperCase()))
      const entry = entryOfProof(proof)
      t.like(entry, { index, term: 1, kind: 0 })
      t.deepEqual(Buffer.from(entry?.payload ?? []), payloadOf(index))
    }
  })
}

test('a proof survives JSON, and is the same from a directory that nobody opened', async (t) => {
  const { log, directory } = await written(t)
  const proof = await log.prove(7)
  const root = await log.merkleRoot(proof.segment)
  await log.close()

  t.true(verifyProof(JSON.parse(JSON.stringify(proof)) as EntryProof, root))
  t.deepEqual(await proveEntry(directory, 7), proof)
})

test('whatever is changed in a proof, it proves nothing', async (t) => {
  const { log } = await written(t)
  const proof = await log.prove(3)
  const other = await log.prove(4)
  const root = await log.merkleRoot(proof.segment)
  const flipped = (text: string): string => (text.startsWith('0') ? '1' : '0') + text.slice(1)
  const frame = Buffer.from(proof.frame, 'base64')
  frame.writeUInt8(frame.readUInt8(100) ^ 1, 100)

  const changed: Record<string, unknown> = {
    'another index': { ...proof, index: 4 },
    'another first index': { ...proof, firstIndex: 2 },
    'a count of another shape': { ...proof, count: 4 * proof.count },
    'another format': { ...proof, format: 2 },
    'the frame of another entry': { ...proof, frame: other.frame },
    'a flipped bit of the payload': { ...proof, frame: frame.toString('base64') },
    'no frame': { ...proof, frame: '' },
    'a flipped digit of the path': { ...proof, path: proof.path.map(flipped) },
    'a shorter path': { ...proof, path: proof.path.slice(1) },
    'a longer path': { ...proof, path: [...proof.path, proof.root] },
    'a path of something else': { ...proof, path: [1, 2, 3] },
    'an index of text': { ...proof, index: '3' },
    nothing: null,
  }
  for (const [what, given] of Object.entries(changed)) {
    t.false(verifyProof(given as EntryProof, root), what)
  }
  t.false(verifyProof(proof, flipped(proof.root)))
  t.false(verifyProof(proof, 'no root'))
  t.false(verifyProof(proof, root.subarray(1)))
  t.false(verifyProof({ ...proof, root: other.root }, Buffer.alloc(32)))
})

test('an inner node cannot be passed off as an entry', async (t) => {
  const { log } = await written(t)
  const proof = await log.prove(1)
  const root = await log.merkleRoot(proof.segment)
  const [beside = '', ...rest] = proof.path
  const leaf = createHash('sha256').update(Buffer.from(proof.frame, 'base64')).digest()
  const node = Buffer.concat([Buffer.of(2), leaf, Buffer.from(beside, 'hex')])

  const forged = { ...proof, frame: node.toString('base64'), path: rest }

  t.false(verifyProof(forged, root))
})

/** What a leaf is the hash of: header with trailer bytes 36, body, CRC of both. */
function frameOf(term: number, index: number, kind: number, payload: string): Buffer {
  const body = Buffer.alloc(17 + payload.length)
  body.writeBigUInt64LE(BigInt(term), 0)
  body.writeBigUInt64LE(BigInt(index), 8)
  body.writeUInt8(kind, 16)
  body.write(payload, 17)
  const header = Buffer.alloc(12)
  header.writeUInt8(1, 0)
  header.writeUInt32LE(body.byteLength, 4)
  header.writeUInt32LE(36, 8)
  const crc = Buffer.alloc(4)
  crc.writeUInt32LE(crc32c(Buffer.concat([header, body])))
  return Buffer.concat([header, body, crc])
}

test('the roots of the published vectors are led to (docs/wal-format.md, Merkle tree)', (t) => {
  const frames = [frameOf(7, 42, 1, 'hello'), frameOf(7, 43, 0, ''), frameOf(8, 44, 0, 'x')]
  const [first = '', second = '', third = ''] = frames.map((frame) =>
    createHash('sha256').update(frame).digest('hex'),
  )
  const rootOfTwo = 'ae24e3b7253c35d9f3ea5bdbdb16bfb50131febdb0be66240ce31afac6426184'
  const root = '58ada44f236330c296ffc514a2d631fef0c695703557cd6c253c4c2e201eb1d3'
  const paths = [[second, third], [first, third], [rootOfTwo]]

  const proofs = frames.map((frame, position) => ({
    ...({ format: 1, segment: 1, firstIndex: 42, count: 3, root } as const),
    index: 42 + position,
    frame: frame.toString('base64'),
    path: paths[position] ?? [],
  }))

  t.is(first, 'ea862f7417bf57a97a88e61b347b46ac3feb681f057757100aa51f45be9073f3')
  for (const proof of proofs) t.true(verifyProof(proof, root), `entry ${proof.index}`)
  t.true(verifyProof({ ...proofs[0], count: 2, path: [second] } as EntryProof, rootOfTwo))
})

test('what is not there cannot be proven', async (t) => {
  const { log, directory } = await written(t)

  await t.throwsAsync(log.prove(31), { code: 'ERR_INDEX_OUT_OF_RANGE' })
  await t.throwsAsync(log.prove(1.5), { code: 'ERR_INVALID_ARGUMENT' })
  await t.throwsAsync(log.merkleRoot(99), { code: 'ERR_INDEX_OUT_OF_RANGE' })
  await log.truncatePrefix({ before: 20 })
  await t.throwsAsync(log.prove(1), { code: 'ERR_INDEX_COMPACTED' })
  await log.close()
  await t.throwsAsync(log.prove(25), { code: 'ERR_CLOSED' })
  await t.throwsAsync(proveEntry(directory, 99), { code: 'ERR_INDEX_OUT_OF_RANGE' })
})
