import net from 'node:net'

/** Below the ports that systems give to outgoing connections, one of which may be taken at any moment. */
const firstPort = 15_000
const portCount = 15_000

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

/** Listens on some port that is free; tests that run beside this one draw others. */
async function listen(): Promise<net.Server> {
  for (let attempts = 0; attempts < 50; attempts++) {
    const server = await listenOn(firstPort + Math.floor(Math.random() * portCount))
    if (server !== null) return server
  }
  throw new Error(`none of 50 ports from ${firstPort} on is free`)
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
