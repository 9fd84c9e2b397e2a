import { Namespace, runCommand } from './namespace.js'
import type { Direction, Network } from './network.js'

const peerPort = 7_000
const clientPort = 7_001
/** A queue that takes packets of ten bytes at most, so none: what is sent is lost, and nobody is told. */
const dropping = ['root', 'tbf', 'rate', '8bit', 'burst', '10', 'latency', '1ms']

/** Each node in a network namespace of its own. Nodes reach each other over a bridge in a namespace that none of them lives in, and
 *  clients over a direct link. A cut drops packets without a word: connections stay open, and nothing arrives. */
export class NamespaceNetwork implements Network {
  readonly name = 'namespaces'
  readonly directions = ['both', 'outgoing', 'incoming'] as const
  readonly #hub: Namespace
  readonly #nodes: readonly Namespace[]
  readonly #cuts: (() => void)[] = []

  /** @throws Error when this machine or this user cannot. */
  static async open(nodeCount: number): Promise<NamespaceNetwork> {
    const opened: Namespace[] = []
    try {
      for (let at = 0; at <= nodeCount; at++) opened.push(await Namespace.open())
      const [hub, ...nodes] = opened as [Namespace, ...Namespace[]]
      const network = new NamespaceNetwork(hub, nodes)
      network.#connect()
      return network
    } catch (error) {
      for (const namespace of opened) namespace.close()
      throw error
    }
  }

  private constructor(hub: Namespace, nodes: readonly Namespace[]) {
    this.#hub = hub
    this.#nodes = nodes
  }

  peerAddress(node: number): string {
    return `${peerHost(node)}:${peerPort}`
  }

  clientAddress(node: number): string {
    return `${clientHosts(node).node}:${clientPort}`
  }

  launcher(node: number): { program: string; before: readonly string[] } {
    return { program: 'nsenter', before: [...this.#node(node).entrance, process.execPath] }
  }

  isolate(node: number, direction: Direction): void {
    if (direction !== 'incoming') this.#drop(this.#node(node), 'peers')
    if (direction !== 'outgoing') this.#drop(this.#hub, `node${node}`)
  }

  heal(): void {
    for (const undo of this.#cuts.splice(0)) undo()
  }

  close(): void {
    for (const namespace of [this.#hub, ...this.#nodes]) namespace.close()
  }

  #connect(): void {
    this.#hub.run('ip', 'link', 'add', 'bridge', 'type', 'bridge')
    this.#hub.run('ip', 'link', 'set', 'bridge', 'up')
    for (const at of this.#nodes.keys()) {
      this.#connectToPeers(at)
      this.#connectToClients(at)
    }
    // A system that cannot cut is found now, and not in the middle of a run.
    this.isolate(0, 'both')
    this.heal()
  }

  #connectToPeers(at: number): void {
    const node = this.#node(at)
    const port = `node${at}`
    this.#hub.run('ip', ...pair(port, 'peers', node))
    this.#hub.run('ip', 'link', 'set', port, 'master', 'bridge', 'up')
    node.run('ip', 'address', 'add', `${peerHost(at)}/24`, 'dev', 'peers')
    node.run('ip', 'link', 'set', 'peers', 'up')
  }

  #connectToClients(at: number): void {
    const node = this.#node(at)
    const device = `clustor${process.pid % 100_000}n${at}`
    const hosts = clientHosts(at)
    runCommand('ip', pair(device, 'clients', node))
    runCommand('ip', ['address', 'add', `${hosts.client}/30`, 'dev', device])
    runCommand('ip', ['link', 'set', device, 'up'])
    node.run('ip', 'address', 'add', `${hosts.node}/30`, 'dev', 'clients')
    node.run('ip', 'link', 'set', 'clients', 'up')
  }

  /** What leaves through the device is lost. */
  #drop(namespace: Namespace, device: string): void {
    namespace.run('tc', 'qdisc', 'replace', 'dev', device, ...dropping)
    this.#cuts.push(() => {
      namespace.run('tc', 'qdisc', 'delete', 'dev', device, 'root')
    })
  }

  #node(at: number): Namespace {
    const node = this.#nodes[at]
    if (node === undefined) throw new RangeError(`there is no node ${at}`)
    return node
  }
}

/** Networks for measurements of devices (RFC 2544), which nobody routes. Peers are in namespaces, where all may have the same. */
const peerHost = (node: number): string => `198.18.0.${node + 1}`

/** Clients are in the namespace of this process, which others share. */
function clientHosts(node: number): { readonly client: string; readonly node: string } {
  const network = `198.19.${process.pid % 256}`
  return { client: `${network}.${4 * node + 1}`, node: `${network}.${4 * node + 2}` }
}

/** Arguments of `ip`: two devices joined by a wire, one here, one in a namespace. */
const pair = (here: string, there: string, namespace: Namespace): readonly string[] => [
  ...['link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', `${namespace.pid}`],
]
