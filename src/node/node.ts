import { randomBytes } from 'node:crypto'
import path from 'node:path'

import type { StateMachine } from '../apply/state-machine.js'
import { ClustorError } from '../base/errors.js'
import type { ReplicaId } from '../base/ids.js'
import { asReplica } from '../base/ids.js'
import { SeededRandom } from '../base/random.js'
import { aliasLayer } from '../config/config-layers.js'
import { resolveNodeConfig, settingNames } from '../config/node-config.js'
import type { NodeConfig } from '../config/node-config.js'
import type { Options } from '../config/options.js'
import { optionTable } from '../config/options.js'
import { readName } from '../config/settings.js'
import { loadAddon } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import type { EntryRange } from '../raft/entry-range.js'
import { Replica } from '../replica/replica.js'
import type { NodeAddress } from '../replica/replica.js'
import { proposalLimitBytes } from '../replica/settings.js'
import { SystemTicks } from '../replica/ticks.js'
import type { ClientService } from '../transport/client-service.js'
import { ClientServer } from '../transport/client-server.js'
import { TcpPeerTransport } from '../transport/peer-transport.js'
import type { PeerStatus } from '../transport/transport.js'
import { KeyRing } from '../wal/key-ring.js'
import { openReplicaLog } from '../wal/native-replica-log.js'
import { toEntryRange } from '../wal/recovered.js'
import type { ReplicaLog } from '../wal/replica-log.js'
import { ReplicaService, plainStatus } from './client-service.js'
import { prepareDataDirectory } from './data-directory.js'
import { Partition } from './partition.js'
import { PeerRegister } from './peer-register.js'
import type { PartitionStatus } from './partition.js'

/** A member of the cluster: where the other nodes and where clients reach it, `host:port`. */
export interface MemberAddresses {
  readonly listen: string
  readonly clientListen: string
  /** Numeric id on disk and wire; by default 1 + the position of the name in the sorted names. Never changes. */
  readonly replica?: number
  /** Whether it joined, or is to join, a cluster that had begun without it: it is no voter before a change of membership makes
   *  it one. The same for ever, and in every node's table. False by default. */
  readonly joins?: boolean
}

/** How to open a node. Besides these, every option of docs/configuration.md, under its name. */
export interface NodeOptions extends Partial<Options> {
  /** Name of the cluster; nodes of another cluster are refused. */
  readonly cluster: string
  /** Name of this node, one of the members. */
  readonly nodeId: string
  /** Made when missing. */
  readonly dataDir: string
  /** All members by name, this node among them. Absent: a cluster of this node alone. */
  readonly members?: Readonly<Record<string, MemberAddresses>>
  /** Encrypts and seals the logs of all partitions; not disposed of by the node. Else `keysFile`. */
  readonly keys?: KeyRing
  /** A file that `clustor keys create` made; read when the node opens. */
  readonly keysFile?: string
  /** Where to listen for the other nodes; by default this node's member address. */
  readonly listen?: string
  /** Where to listen for clients; by default this node's member address. */
  readonly clientListen?: string
  /** Hears what goes wrong and what was refused: a peer of another cluster, a partition that stopped. */
  readonly onProblem?: (error: ClustorError) => void
}

/** A node, for people and metrics. */
export interface NodeStatus {
  readonly cluster: string
  readonly node: string
  readonly replica: ReplicaId
  /** Where it listens. */
  readonly listen: string
  readonly clientListen: string
  readonly peers: readonly PeerStatus[]
  readonly partitions: readonly PartitionStatus[]
}

interface OpenPartition {
  readonly partition: Partition
  readonly register: PeerRegister
  readonly replica: Replica
  readonly service: ReplicaService
}

/** The keys of a node's logs, and those of them that it disposes of itself. */
interface NodeKeys {
  readonly keys: KeyRing | undefined
  readonly ownKeys: KeyRing | undefined
}

/** A process of the cluster: it listens for its peers and for clients, and holds partitions. */
export class Node {
  readonly #config: NodeConfig
  #keys: KeyRing | undefined
  /** Read from keysFile: to be zeroed at the end. */
  readonly #ownKeys: KeyRing | undefined
  readonly #onProblem: (error: ClustorError) => void
  readonly #self: ReplicaId
  readonly #addresses: ReadonlyMap<ReplicaId, NodeAddress>
  readonly #partitions = new Map<string, OpenPartition>()
  readonly #opening = new Map<string, Promise<unknown>>()
  readonly #transport: TcpPeerTransport
  #clients: ClientServer | null = null
  #closing: Promise<void> | null = null

  /** Opens a node: checks every option, proves that the directory is writable, listens.
   *  @throws ERR_INVALID_ARGUMENT naming the option; ERR_NOT_WRITABLE; ERR_IO when an address cannot be had. */
  static async open(options: NodeOptions): Promise<Node> {
    const { onProblem = () => undefined, keys: given, ...rest } = options
    const config = readConfig(rest)
    const keys = given ?? keysOfFile(config)
    const ownKeys = given === undefined ? keys : undefined
    await prepareDataDirectory(config.dataDir)
    const transport = await listenForPeers(config, onProblem)
    const node = new Node(config, { keys, ownKeys }, transport, onProblem)
    try {
      await node.#serveClients()
      return node
    } catch (error) {
      await node.close()
      throw error
    }
  }

  private constructor(
    config: NodeConfig,
    { keys, ownKeys }: NodeKeys,
    transport: TcpPeerTransport,
    onProblem: (error: ClustorError) => void,
  ) {
    this.#config = config
    this.#keys = keys
    this.#ownKeys = ownKeys
    this.#transport = transport
    this.#onProblem = onProblem
    this.#self = replicaOf(config, config.nodeId)
    this.#addresses = new Map(
      config.members.map(({ name, clientListen, replica }) => [
        asReplica(replica),
        { node: name, clientAddress: clientListen },
      ]),
    )
  }

  get nodeId(): string {
    return this.#config.nodeId
  }

  /** Opens a partition: recovers its log from `dataDir/name`, and takes part in it. The state machine starts empty and is
   *  brought up by replaying the log.
   *  @throws ERR_INVALID_ARGUMENT when it is open already; ERR_LOCKED, ERR_IDENTITY_MISMATCH, ERR_NOT_WRITABLE,
   *  ERR_LOG_CORRUPT, ERR_FORMAT_NEWER, ERR_DISK_FULL, ERR_IO from the log; ERR_CLOSED. */
  async openPartition<Machine extends StateMachine>(
    name: string,
    options: { readonly stateMachine: () => Machine },
  ): Promise<Partition<Machine>> {
    this.#assertOpen()
    readName('partition', name, 'openPartition')
    if (this.#partitions.has(name) || this.#opening.has(name)) {
      throw new ClustorError('ERR_INVALID_ARGUMENT', `partition ${name} is open already`)
    }
    const opening = this.#openAndStart(name, options.stateMachine)
    this.#opening.set(name, opening)
    try {
      return await opening
    } finally {
      this.#opening.delete(name)
    }
  }

  /** Takes other keys for all partitions, those opened later included: the next write of each begins a segment under the
   *  active epochs. The ring must hold every epoch that a segment still needs.
   *  @throws (rejects) as DurableLog.rotateKeys; partitions before the one that refused have the new keys. */
  async rotateKeys(ring: KeyRing): Promise<void> {
    this.#assertOpen()
    for (const { replica } of this.#partitions.values()) await replica.rotateKeys(ring)
    this.#keys = ring
  }

  /** An open partition, or undefined. */
  partition(name: string): Partition | undefined {
    return this.#partitions.get(name)?.partition
  }

  status(): NodeStatus {
    return {
      cluster: this.#config.cluster,
      node: this.#config.nodeId,
      replica: this.#self,
      listen: this.#transport.address,
      clientListen: this.#clients?.address ?? this.#config.clientListen,
      peers: this.#transport.status(),
      partitions: [...this.#partitions.values()].map(({ partition }) => partition.status()),
    }
  }

  /** Ends everything: what waits fails with ERR_CLOSED, logs are closed, connections end. Nothing of this node keeps the
   *  process alive afterwards. Calling it again waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    // What is being opened finds the node closed, and closes its log again.
    await Promise.allSettled(this.#opening.values())
    const closed = [...this.#partitions.values()].map(closePartition)
    await Promise.all(closed)
    this.#ownKeys?.dispose()
    await Promise.all([this.#clients?.close(), this.#transport.close()])
  }

  async #serveClients(): Promise<void> {
    const { clientListen, options } = this.#config
    this.#clients = await ClientServer.listen({
      listen: clientListen,
      service: this.#clientService(),
      options: groupOptions(options, 'transport'),
      onProblem: this.#onProblem,
    })
  }

  #directoryOf(name: string): string {
    return path.join(this.#config.dataDir, name)
  }

  #openLog(name: string): Promise<ReplicaLog> {
    const { options, cluster } = this.#config
    return openReplicaLog({
      ...logOptions(options),
      keys: this.#keys,
      directory: this.#directoryOf(name),
      identity: { cluster, partition: name, replica: this.#self },
    })
  }

  async #openAndStart<Machine extends StateMachine>(
    name: string,
    createMachine: () => Machine,
  ): Promise<Partition<Machine>> {
    const log = await this.#openLog(name)
    try {
      const register = await this.#openRegister(name, log)
      this.#assertOpen()
      const replica = this.#createReplica(name, log, register, createMachine())
      const partition = new Partition(name, replica)
      this.#remember(name, partition, replica, register)
      return partition
    } catch (error) {
      await log.close()
      throw error
    }
  }

  // A partition is a Partition<StateMachine> for everybody but its opener: nobody else sees the machine's own type.
  #remember<Machine extends StateMachine>(
    name: string,
    partition: Partition<Machine>,
    replica: Replica<Machine>,
    register: PeerRegister,
  ): void {
    const plain = replica as unknown as Replica
    const service = new ReplicaService(name, plain)
    this.#partitions.set(name, {
      partition: partition,
      register,
      replica: plain,
      service,
    })
  }

  #founders(): ReplicaId[] {
    const { members } = this.#config
    return members.filter(({ joins }) => !joins).map(({ replica }) => asReplica(replica))
  }

  #openRegister(name: string, log: ReplicaLog): Promise<PeerRegister> {
    const isFounder = this.#founders().includes(this.#self)
    const directory = this.#directoryOf(name)
    return PeerRegister.open({ partition: name, replica: this.#self, directory, log, isFounder })
  }

  #createReplica<Machine extends StateMachine>(
    name: string,
    log: ReplicaLog,
    register: PeerRegister,
    machine: Machine,
  ): Replica<Machine> {
    const { options } = this.#config
    return new Replica({
      id: this.#self,
      voters: this.#founders(),
      log,
      machine,
      random: new SeededRandom(randomBytes(4).readUInt32LE()),
      ticks: new SystemTicks(options.tickMs),
      settings: options,
      connect: (receive, unreachable) => {
        const key = { name, id: `${this.#config.cluster}/${name}` }
        const link = this.#transport.attach(key, receive, unreachable, register)
        register.onReadmission((peer) => {
          link.reopen(peer)
        })
        return link
      },
      addressOf: (replica) => this.#addresses.get(replica) ?? null,
      membershipApplied: (configuration, index) => {
        register.noteMembership(configuration, index)
      },
      onStopped: (error) => {
        this.#onProblem(stopped(name, error))
      },
    })
  }

  #clientService(): ClientService {
    const { cluster, nodeId, options } = this.#config
    return {
      cluster,
      node: nodeId,
      proposalBytesMax: proposalLimitBytes(options),
      partition: (name) => this.#partitions.get(name)?.service ?? null,
      status: () => this.#plainStatus(),
    }
  }

  #plainStatus(): unknown {
    const { partitions, peers, ...status } = this.status()
    return {
      ...status,
      peers: peers.map(({ lastError, ...peer }) => ({
        ...peer,
        lastError: lastError?.message ?? null,
      })),
      partitions: partitions.map((partition) => plainStatus(partition)),
    }
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new ClustorError('ERR_CLOSED', 'the node was closed')
  }
}

/** The register first: the log holds the lock of their directory. */
async function closePartition({ register, replica }: OpenPartition): Promise<void> {
  await register.close()
  await replica.close()
}

const keysOfFile = ({ keysFile, options }: NodeConfig): KeyRing | undefined =>
  keysFile === null
    ? undefined
    : KeyRing.fromFile(keysFile, { allowPlain: options.allowPlainSegments })

function readConfig(given: Omit<NodeOptions, 'onProblem' | 'keys'>): NodeConfig {
  const known = new Set<string>(settingNames)
  const entries = Object.entries(given)
  const { source, values } = aliasLayer(process.env)
  return resolveNodeConfig([
    { source, settings: {}, options: values },
    {
      source: () => 'Node.open',
      settings: Object.fromEntries(entries.filter(([name]) => known.has(name))),
      options: Object.fromEntries(entries.filter(([name]) => !known.has(name))),
    },
  ])
}

function listenForPeers(
  { cluster, nodeId, listen, members, options }: NodeConfig,
  onProblem: (error: ClustorError) => void,
): Promise<TcpPeerTransport> {
  const self = members.find(({ name }) => name === nodeId)
  return TcpPeerTransport.listen({
    cluster,
    node: nodeId,
    replica: asReplica(self?.replica ?? 0),
    listen,
    peers: members
      .filter((member) => member !== self)
      .map(({ name, listen: address, replica }) => ({
        node: name,
        address,
        replica: asReplica(replica),
      })),
    decodeFrames,
    random: new SeededRandom(randomBytes(4).readUInt32LE()),
    options: groupOptions(options, 'transport'),
    onProblem,
  })
}

/** Checks received frames: every checksum, contiguous indexes, terms that never fall. */
function decodeFrames(bytes: Uint8Array): EntryRange {
  try {
    return toEntryRange(loadAddon().parseFrames(bytes))
  } catch (error) {
    throw toClustorError(error)
  }
}

const logOptions = (options: Options): Partial<Options> => groupOptions(options, 'log')

function groupOptions(options: Options, group: string): Partial<Options> {
  const names = Object.keys(optionTable) as (keyof Options)[]
  const own = names.filter((name) => optionTable[name].group === group)
  return Object.fromEntries(own.map((name) => [name, options[name]]))
}

function replicaOf({ members }: NodeConfig, nodeId: string): ReplicaId {
  return asReplica(members.find(({ name }) => name === nodeId)?.replica ?? 0)
}

const stopped = (partition: string, error: ClustorError): ClustorError =>
  new ClustorError(error.code, `partition ${partition} stopped: ${error.message}`, {
    cause: error,
    fields: { ...error.fields, partition },
  })
