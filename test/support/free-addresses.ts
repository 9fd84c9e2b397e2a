import net from 'node:net'
import { threadId } from 'node:worker_threads'

/** Below the ports that systems give to outgoing connections, one of which may be taken at any moment. Tests that run beside each
 *  other, in threads of a process or one after the other in a thread, never draw the same port: between the choice of
 *  one and its use nobody listens on it. */
const firstPort = 15_000
const blockCount = 50
const blockPorts = 300
const block = firstPort + ((process.pid + threadId) % blockCount) * blockPorts
let drawn = 0

/** Loopback addresses that nobody listens on at the moment. */
export async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()))
  const addresses = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no TCP address')
    return `127.0.0.1:${address.port}`
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return addresses
}

/** Listens on the next port that is free. */
async function listen(): Promise<net.Server> {
  for (let attempts = 0; attempts < blockPorts; attempts++) {
    const server = await listenOn(block + (drawn++ % blockPorts))
    if (server !== null) return server
  }
  throw new Error(`no port from ${block} on is free`)
}

function listenOn(port: number): Promise<net.Server | null> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => {
      resolve(null)
    })
    server.listen(port, '127.0.0.1', () => {
      resolve(server)
    })
  })
}
