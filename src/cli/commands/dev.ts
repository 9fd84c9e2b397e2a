import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { ClustorError } from '../../base/errors.js'
import { waitForLeader } from '../cluster-view.js'
import type { CommandContext } from '../context.js'
import type { EncryptionFlags } from '../encryption-flags.js'
import { addEncryptionFlags, nodeFlagsOf, withKeys } from '../encryption-flags.js'
import { exitCodes } from '../exit-codes.js'
import { defaultEndpoints, readPositive } from '../flags.js'
import { freeAddresses, wellKnownOrFreeAddresses } from '../free-ports.js'
import { LocalCluster } from '../local-cluster.js'
import type { Output } from '../output.js'
import { runTour, tourFile } from '../tour.js'

interface DevFlags extends EncryptionFlags {
  readonly nodes: number
  readonly once?: true
  readonly data?: string
  readonly keep?: true
  readonly file?: string
  readonly durability: string
  readonly json?: true
}

const partition = 'default'
const readyTimeoutMs = 20_000

/** `clustor dev`: a cluster of real processes on loopback. */
export function addDev(program: Command, context: CommandContext): void {
  const command = program
    .command('dev')
    .description('run a cluster of real processes on loopback until Ctrl-C')
    .option('--nodes <count>', 'how many nodes', readPositive, 3)
    .option(
      '--once',
      'play the guided tour and end: load, kill the leader, show that nothing is lost',
    )
    .option(
      '--data <directory>',
      'where the nodes keep their data (default: a temporary directory)',
    )
    .option('--keep', 'do not remove the data at the end')
    .option('--file <path>', 'NDJSON file that the tour loads (default: earthquakes.ndjson)')
    .addOption(
      new Option('--durability <mode>', 'sync per append call, or per group of them')
        .choices(['strict', 'group'])
        .default('group'),
    )
    .option('--json', 'print JSON')
  addEncryptionFlags(command).action(async (flags: DevFlags) => {
    if (flags.aead && flags.data !== undefined) {
      const message = '--aead forgets its keys at the end; data that stays needs --keys FILE'
      throw new ClustorError('ERR_INVALID_ARGUMENT', message)
    }
    await withKeys(flags, (keysFile) => dev({ ...flags, keysFile }, context))
  })
}

/** Flags, and the key file that they lead to. */
interface DevSettings extends DevFlags {
  readonly keysFile: string | null
}

async function dev(flags: DevSettings, context: CommandContext): Promise<void> {
  if (flags.once && flags.nodes < 3) {
    const message = 'the tour kills the leader and needs --nodes 3 or more'
    throw new ClustorError('ERR_INVALID_ARGUMENT', message)
  }
  const file = flags.once ? await tourFile(flags.file) : null
  const keep = flags.keep === true || flags.data !== undefined
  const directory = await makeDirectory(flags.data)
  const failure = new AbortController()
  const remarks = new NodeRemarks(context.output)
  const cluster = await createCluster(directory, keep, flags, context, failure, remarks)
  try {
    cluster.startAll()
    const signal = AbortSignal.any([
      context.signal,
      failure.signal,
      AbortSignal.timeout(readyTimeoutMs),
    ])
    await waitForLeader(cluster.endpoints, partition, signal)
    remarks.show(file === null)
    if (file === null) await stay(cluster, directory, flags, context, failure)
    else await runTour({ cluster, partition, file, json: flags.json === true, context })
  } catch (error) {
    if (!context.signal.aborted) {
      remarks.showLast()
      throw explained(error)
    }
    context.exitCode = flags.once ? exitCodes.interrupted : exitCodes.ok
  } finally {
    remarks.show(false)
    await cluster.stopAll()
    if (!keep) await rm(directory, { recursive: true, force: true })
  }
}

async function createCluster(
  directory: string,
  keep: boolean,
  flags: DevSettings,
  { output }: CommandContext,
  failure: AbortController,
  remarks: NodeRemarks,
): Promise<LocalCluster> {
  // The tour needs no fixed ports, and must not stumble over a cluster that runs already.
  const addresses = await (flags.once ? freeAddresses : wellKnownOrFreeAddresses)(flags.nodes)
  const cluster = new LocalCluster({
    cluster: 'dev',
    directory,
    addresses,
    nodeFlags: [
      `--durability=${flags.durability}`,
      ...nodeFlagsOf(flags, flags.keysFile),
      ...(await placeFlags(flags, directory, output)),
    ],
    ephemeral: !keep,
    onLine: (name, line) => remarks.add(`${name}: ${line}`),
    onExit: (name, how) => {
      output.note(`node ${name} ended: ${how}`)
      if (cluster.pids.length <= flags.nodes / 2) {
        const message = 'too few nodes are left for a quorum'
        failure.abort(new ClustorError('ERR_UNAVAILABLE', message))
      } else {
        output.note(`start it again: ${cluster.commandLine(name)}`)
      }
    },
  })
  return cluster
}

/** Says where everything is and stays until Ctrl-C. */
async function stay(
  cluster: LocalCluster,
  directory: string,
  flags: DevFlags,
  context: CommandContext,
  failure: AbortController,
): Promise<void> {
  if (flags.json) {
    context.output.json({ event: 'ready', directory, nodes: cluster.addresses, pids: cluster.pids })
  } else {
    describe(cluster, directory, context)
  }
  await Promise.race([context.stopped(), rejected(failure.signal)])
  context.output.note('stopping')
}

function describe(cluster: LocalCluster, directory: string, { output }: CommandContext): void {
  const count = String(cluster.addresses.length)
  output.line(output.bold(`${count} nodes run, and partition ${partition} has a leader.`))
  for (const { name, listen, clientListen } of cluster.addresses) {
    output.line(`  ${name}  clients ${clientListen}  nodes ${listen}`)
  }
  output.line(`Data: ${directory}`)
  const clustor = commandName()
  const usual = cluster.endpoints.every((endpoint) => defaultEndpoints.includes(endpoint))
  const endpoints = usual ? '' : ` --endpoints ${cluster.endpoints.join(',')}`
  output.line()
  output.line('Try, in another terminal:')
  for (const words of ['put greeting hello', 'get greeting', 'status --watch', 'tail']) {
    output.line(`  ${clustor} ${words}${endpoints}`)
  }
  output.line(`  ${clustor} load data/earthquakes.ndjson --prefix quakes/${endpoints}`)
  output.line(`  kill -9 ${cluster.pids[0]}`)
  output.line()
  output.line('Ctrl-C ends all of them.')
}

/** How the reader would type this command from here. */
function commandName(): string {
  const script = process.argv[1] ?? ''
  if (basename(script) === 'clustor') return 'clustor'
  const path = relative(process.cwd(), script)
  // In a checkout npx finds the command that package.json names.
  return path === join('dist', 'src', 'cli', 'main.js') ? 'npx clustor' : `node ${path}`
}

async function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => {
      // The reason is the ClustorError that aborted it.
      reject(signal.reason as Error)
    }
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail, { once: true })
  })
}

async function makeDirectory(given: string | undefined): Promise<string> {
  if (given === undefined) return mkdtemp(join(tmpdir(), 'clustor-dev-'))
  await mkdir(given, { recursive: true })
  return given
}

/** Flags that a temporary directory needs: its data is to be thrown away, so it may be in memory, as /tmp often is. */
async function placeFlags(
  flags: DevFlags,
  directory: string,
  output: Output,
): Promise<readonly string[]> {
  if (flags.data !== undefined) return []
  const { type } = await statfs(directory)
  if (memoryFileSystems.includes(type)) {
    output.note(
      `${directory} is in memory: fast, and lost with the machine; --data DIR uses a disk`,
    )
  }
  return ['--unsafe-file-system=true']
}

/** tmpfs and ramfs, as statfs(2) of Linux numbers them. */
const memoryFileSystems = [0x01021994, 0x858458f6]

function explained(error: unknown): unknown {
  if (!(error instanceof DOMException) || error.name !== 'TimeoutError') return error
  const message = `no leader within ${readyTimeoutMs / 1000} s`
  return new ClustorError('ERR_UNAVAILABLE', message, { cause: error })
}

/** What the nodes say on standard error. While they start, and while the tour kills one, they miss each other, which is
 *  only worth showing when something fails. */
class NodeRemarks {
  readonly #output: Output
  readonly #last: string[] = []
  #shown = false

  constructor(output: Output) {
    this.#output = output
  }

  show(shown: boolean): void {
    this.#shown = shown
  }

  add(line: string): void {
    if (this.#shown) this.#output.note(line)
    this.#last.push(line)
    if (this.#last.length > remarksMax) this.#last.shift()
  }

  showLast(): void {
    for (const line of this.#last) this.#output.note(line)
  }
}

/** Lines kept for the case of a failure. */
const remarksMax = 20
