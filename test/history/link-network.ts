import { freeAddresses } from '../support/free-addresses.js'
import { Link } from './link.js'
import type { Network } from './network.js'

/** Nodes on loopback whose connections to each other go through proxies that can be cut. */
export class LinkNetwork implements Network {
  readonly name = 'proxies'
  readonly directions = ['both'] as const
  readonly #listen: readonly string[]
  readonly #clientListen: readonly string[]
  /** From one node to another, by `from>to`. */
  readonly #links = new Map<string, Link>()

  static async open(nodeCount: number): Promise<LinkNetwork> {
    const addresses = await freeAddresses(2 * nodeCount)
    const network = new LinkNetwork(addresses.slice(0, nodeCount), addresses.slice(nodeCount))
    await network.#openLinks()
    return network
  }

  private constructor(listen: readonly string[], clientListen: readonly string[]) {
    this.#listen = listen
    this.#clientListen = clientListen
  }

  peerAddress(node: number, from: number): string {
    return this.#links.get(`${from}>${node}`)?.address ?? this.#listen[node] ?? ''
  }

  clientAddress(node: number): string {
    return this.#clientListen[node] ?? ''
  }

  launcher(): { program: string; before: readonly string[] } {
    return { program: process.execPath, before: [] }
  }

  isolate(node: number): void {
    for (const [ends, link] of this.#links) {
      if (ends.split('>').includes(`${node}`)) link.cut()
    }
  }

  heal(): void {
    for (const link of this.#links.values()) link.heal()
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
  }

  async #openLinks(): Promise<void> {
    for (const from of this.#listen.keys()) {
      for (const [to, target] of this.#listen.entries()) {
        if (from !== to) this.#links.set(`${from}>${to}`, await Link.open(target))
      }
    }
  }
}
