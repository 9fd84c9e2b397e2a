import net from 'node:net'

/** A TCP proxy in front of one node for one of its peers: cut, it drops its connections and refuses new ones. */
export class Link {
  readonly address: string
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #cut = false

  /** @param target where the node listens, `host:port`. */
  static async open(target: string): Promise<Link> {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new Link(server, target)
  }

  private constructor(server: net.Server, target: string) {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no TCP address')
    this.address = `127.0.0.1:${address.port}`
    this.#server = server
    const [host = '', port = ''] = target.split(':')
    server.on('connection', (near) => {
      if (this.#cut) near.destroy()
      else this.#join(near, net.connect(Number(port), host))
    })
  }

  cut(): void {
    this.#cut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  heal(): void {
    this.#cut = false
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(near: net.Socket, far: net.Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
}
