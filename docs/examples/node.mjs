// Three nodes of one cluster: `node node.mjs [DATA_DIR [SIX PORTS]]`.
// They share a process here, to keep the example short; in earnest each runs on a machine of its own.
import { KeyValueMachine, Node } from 'clustor'
import { Client } from 'clustor/client'

const [dataDir = 'data', ...given] = process.argv.slice(2)
const ports = given.length === 6 ? given : ['26021', '26022', '26023', '26031', '26032', '26033']
const members = Object.fromEntries(
  ['n1', 'n2', 'n3'].map((name, at) => [
    name,
    { listen: `127.0.0.1:${ports[at]}`, clientListen: `127.0.0.1:${ports[at + 3]}` },
  ]),
)

/** Opens one node and its part of the partition. */
async function start(nodeId) {
  const node = await Node.open({
    cluster: 'example',
    nodeId,
    dataDir: `${dataDir}/${nodeId}`,
    members,
    durability: 'group',
  })
  const partition = await node.openPartition('default', {
    stateMachine: () => new KeyValueMachine(),
  })
  return { node, partition }
}

const cluster = new Map()
for (const name of Object.keys(members)) cluster.set(name, await start(name))

// A client finds the leader by itself, and repeats what a lost leader left unanswered: exactly once.
const client = await Client.connect({
  endpoints: Object.values(members).map(({ clientListen }) => clientListen),
})
const keyValue = client.keyValue('default')
await keyValue.put('greeting', Buffer.from('hello'))

const { leader, term } = [...cluster.values()]
  .map(({ partition }) => partition.status())
  .find(({ role }) => role === 'leader')
console.log(`${leader} leads term ${term}`)

// The leader goes; two of three still make a quorum, and the client follows the next one.
await cluster.get(leader).node.close()
cluster.delete(leader)
await keyValue.put('greeting', Buffer.from('still here'))
const row = await keyValue.get('greeting')
console.log(`greeting: ${Buffer.from(row.value)}`)

for (const { partition } of cluster.values()) {
  const { replica, role, why } = partition.status()
  console.log(`replica ${replica}: ${role}`, ...why)
}

await client.close()
for (const { node } of cluster.values()) await node.close()
