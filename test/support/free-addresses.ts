import net from 'node:net'

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

function listen(): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      resolve(server)
    })
  })
}
