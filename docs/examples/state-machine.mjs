// A replicated counter: `node state-machine.mjs [DATA_DIR [PORT CLIENT_PORT]]`.
// One node is enough to see it work; node.mjs shows three.
import { Node } from 'clustor'

/** Adds what is proposed. Every replica applies the same bytes in the same order, so all of them have the same total. */
class Counter {
  total = 0

  /** Committed entries in order; one result per entry goes back to whoever proposed it. */
  apply(batch) {
    return batch.map(({ payload }) => {
      this.total += Number(Buffer.from(payload).toString())
      return Buffer.from(String(this.total))
    })
  }

  /** What a remote client's query is answered with. */
  query() {
    return Buffer.from(String(this.total))
  }
}

const [dataDir = 'data', port = '26021', clientPort = '26030'] = process.argv.slice(2)
const node = await Node.open({
  cluster: 'example',
  nodeId: 'n1',
  dataDir,
  listen: `127.0.0.1:${port}`,
  clientListen: `127.0.0.1:${clientPort}`,
})
const counter = await node.openPartition('counter', { stateMachine: () => new Counter() })

// A node that has just started knows no leader yet; a refusal with retryable: true says "not now".
while (counter.status().role !== 'leader') await counter.nextChange()

// Durable and applied when the promise resolves.
const { index, result } = await counter.propose(Buffer.from('5'))
console.log(`entry ${index} made the total ${result}`)

// Exactly once: the same stamp again repeats the answer and adds nothing.
const session = await counter.openSession()
const stamp = session.next()
await counter.propose(Buffer.from('7'), { session: stamp })
const again = await counter.propose(Buffer.from('7'), { session: stamp })
session.acknowledge(stamp)
console.log(`a retry is answered with ${again.result}`)

// Linearizable: sees everything that was answered before. Local: at once, possibly stale, and says as of which entry.
console.log(`read: ${await counter.read((machine) => machine.total)}`)
const { value, appliedIndex } = counter.readLocal((machine) => machine.total)
console.log(`local: ${value} as of entry ${appliedIndex}`)

// What was applied, from the first entry on; without `break` it would wait for more.
for await (const { index: at, payload } of counter.subscribe({ from: 1 })) {
  console.log(`applied at ${at}: ${Buffer.from(payload)}`)
  if (at >= again.index) break
}

await node.close()
