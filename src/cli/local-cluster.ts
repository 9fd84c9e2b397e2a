import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'

/** How the processes of a local cluster are started. */
export interface LocalClusterPlan {
  readonly cluster: string
  /** Every node gets a directory in here, named like the node. */
  readonly directory: string
  readonly addresses: readonly NodeAddresses[]
  /** Flags for every node, such as `--durability=group`. */
  readonly nodeFlags: readonly string[]
  /** True when the data of an orphaned node is to go with it. */
  readonly ephemeral: boolean
  /** A line that a node printed on standard error. */
  readonly onLine: (name: string, line: string) => void
  /** A node ended that nobody stopped. */
  readonly onExit: (name: string, how: string) => void
}

/** Where a node listens on loopback. */
export interface NodeAddresses {
  readonly name: string
  readonly listen: string
  readonly clientListen: string
}

interface Member extends NodeAddresses {
  child: ChildProcess | null
  /** True from the moment somebody asked the process to end. */
  stopping: boolean
}

/** Real node processes (`clustor start`) on loopback. They hold a pipe to this process and end when it closes, so that no
 *  way of dying leaves them behind. */
export class LocalCluster {
  readonly #plan: LocalClusterPlan
  readonly #members: readonly Member[]

  constructor(plan: LocalClusterPlan) {
    this.#plan = plan
    this.#members = plan.addresses.map((addresses) => ({
      ...addresses,
      child: null,
      stopping: false,
    }))
  }

  get addresses(): readonly NodeAddresses[] {
    return this.#members.map(({ name, listen, clientListen }) => ({ name, listen, clientListen }))
  }

  get endpoints(): string[] {
    return this.#members.map(({ clientListen }) => clientListen)
  }

  /** Process ids of the nodes that run. */
  get pids(): number[] {
    return this.#members.flatMap(({ child }) => (child?.pid === undefined ? [] : [child.pid]))
  }

  startAll(): void {
    for (const { name } of this.#members) this.start(name)
  }

  /** Starts one node; it joins the cluster by itself. */
  start(name: string): void {
    const member = this.#member(name)
    // Its own process group: Ctrl-C on the terminal reaches this process only, which then ends the nodes in order.
    const child = spawn(process.execPath, [commandPath, ...this.#flags(member)], {
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
      env: withoutClustorVariables(process.env),
    })
    member.child = child
    member.stopping = false
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#plan.onLine(name, line)
    })
    child.on('exit', (code, signal) => {
      if (member.child === child) member.child = null
      if (!member.stopping) this.#plan.onExit(name, signal ?? `exit code ${code}`)
    })
  }

  /** What to type to start a node by hand. */
  commandLine(name: string): string {
    const flags = this.#flags(this.#member(name)).filter(
      (flag) => !parentFlags.some((parentFlag) => parentFlag === flag),
    )
    return [process.execPath, commandPath, ...flags].join(' ')
  }

  /** The process id of a node that runs. */
  pidOf(name: string): number | null {
    return this.#member(name).child?.pid ?? null
  }

  /** Sends SIGKILL to a node at once: no handler runs, nothing is flushed.
   *  @returns its process id. */
  killNow(name: string): number | null {
    const member = this.#member(name)
    member.stopping = true
    member.child?.kill('SIGKILL')
    return member.child?.pid ?? null
  }

  /** Ends one node with SIGKILL and resolves when it is gone: no handler runs, nothing is flushed. */
  async kill(name: string): Promise<void> {
    await end(this.#member(name), 'SIGKILL')
  }

  /** Ends all nodes, with SIGKILL those that do not end in time. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#members.map((member) => end(member, 'SIGTERM')))
  }

  #member(name: string): Member {
    const member = this.#members.find((candidate) => candidate.name === name)
    if (member === undefined) throw new Error(`there is no node ${name}`)
    return member
  }

  #flags({ name }: Member): string[] {
    const { cluster, directory, nodeFlags, ephemeral } = this.#plan
    const members = this.#members.map(
      (member) => `${member.name}=${member.listen}/${member.clientListen}`,
    )
    return [
      'start',
      `--cluster=${cluster}`,
      `--node-id=${name}`,
      `--data-dir=${join(directory, name)}`,
      `--members=${members.join(',')}`,
      ephemeral ? parentFlags[0] : parentFlags[1],
      ...nodeFlags,
    ]
  }
}

/** Tie a node to the process that started it. */
const parentFlags = ['--ephemeral', '--end-with-stdin'] as const

const commandPath = fileURLToPath(new URL('./main.js', import.meta.url))

/** A node gets everything by flags; variables of the surrounding shell must not reach into it. */
function withoutClustorVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('CLUSTOR_')),
  )
}

const stopTimeoutMs = 5_000

async function end(member: Member, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const { child } = member
  if (child === null || child.exitCode !== null || child.signalCode !== null) return
  member.stopping = true
  const exited = once(child, 'exit')
  child.kill(signal)
  const forced = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exited
  clearTimeout(forced)
}
