// A remote client: node docs/examples/client.mjs [host:port]...   (`clustor dev` prints addresses to try)
import { Client } from 'clustor/client'

const given = process.argv.slice(2)
const endpoints =
  given.length > 0 ? given : ['127.0.0.1:26031', '127.0.0.1:26032', '127.0.0.1:26033']

// Any node will do: the client finds the leader of a partition, and follows it when it changes.
const client = await Client.connect({ endpoints, requestTimeoutMs: 5_000 })
const store = client.keyValue('default')

// A resolved put is durable on a majority. Many at once share writes and syncs; each is applied exactly once, in order.
const fruits = ['apples', 'pears', 'plums']
const puts = await Promise.all(fruits.map((fruit, at) => store.put(`stock/${fruit}`, `${at + 1}`)))
console.log(`${puts.length} puts: ${puts.map(({ outcome }) => outcome).join(', ')}`)

// Linearizable: sees every put that was acknowledged before. `local` asks any one node for what it has applied.
const { value, version } = await store.get('stock/pears')
console.log(`pears: ${Buffer.from(value)}`)
const local = await store.get('stock/nuts', { consistency: 'local' })
console.log(`nuts: ${local}`)

// Optimistic locking: the version is the log index of the last write.
const first = await store.compareAndSet('stock/pears', version, '7')
const second = await store.compareAndSet('stock/pears', version, '8')
console.log(`pears: ${first.outcome}, then ${second.outcome}`)

for await (const row of store.scan({ prefix: 'stock/' })) {
  console.log(`${row.key} = ${Buffer.from(row.value)}`)
}

// What was applied, in the order of the log; it goes on over lost connections, without gap or repetition.
let count = 0
for await (const { index } of client.subscribe('default', { from: puts[0].version })) {
  count += 1
  if (index >= first.version) break
}
console.log(`${count} entries from the first put to the swap`)

// Errors have codes, and say whether the write may still take effect.
try {
  await store.put('k'.repeat(2_000), 'value')
} catch (error) {
  console.log(error.code, error.outcome)
}

await client.close()
