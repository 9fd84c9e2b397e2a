import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { directoryOnDisk } from '../support/temporary-directory.js'

const commandPath = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** What a command left behind when it ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  readonly input?: string | Uint8Array
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts the command as a process of its own. */
export function startCommand(words: readonly string[], around: Surroundings = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CLUSTOR_'))
  return spawn(process.execPath, [commandPath, ...words], {
    env: { ...Object.fromEntries(inherited), ...around.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Runs the command to its end. */
export async function clustor(words: readonly string[], around: Surroundings = {}): Promise<Ended> {
  return ended(startCommand(words, around), around.input)
}

/** Waits for the end of a command and collects what it prints. */
export async function ended(child: ChildProcess, input: string | Uint8Array = ''): Promise<Ended> {
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes')
  stdin.on('error', () => undefined)
  stdin.end(input)
  const exited = once(child, 'exit')
  const [out, err] = await Promise.all([text(stdout), text(stderr)])
  await exited
  return { code: child.exitCode, stdout: out, stderr: err }
}

/** What `clustor dev --json` says when its cluster is ready. */
export interface ReadyCluster {
  readonly directory: string
  readonly nodes: readonly { readonly name: string; readonly clientListen: string }[]
  readonly pids: readonly number[]
}

/** A running `clustor dev`. */
export class DevCluster {
  readonly child: ChildProcess
  readonly ready: ReadyCluster

  private constructor(child: ChildProcess, ready: ReadyCluster) {
    this.child = child
    this.ready = ready
  }

  static async start(words: readonly string[] = []): Promise<DevCluster> {
    const child = startCommand(['dev', '--json', ...words])
    const stderr = child.stderr === null ? '' : text(child.stderr)
    const lines = createInterface({ input: child.stdout ?? process.stdin })
    const first = await Promise.race([once(lines, 'line'), once(child, 'exit')])
    if (typeof first[0] !== 'string') throw new Error(`dev ended early: ${await stderr}`)
    return new DevCluster(child, JSON.parse(first[0]) as ReadyCluster)
  }

  /** `--endpoints` for the commands of this cluster. */
  get endpoints(): string[] {
    return ['--endpoints', this.ready.nodes.map(({ clientListen }) => clientListen).join(',')]
  }

  /** Runs a command against this cluster. */
  run(words: readonly string[], around: Surroundings = {}): Promise<Ended> {
    return clustor([...words, ...this.endpoints], around)
  }

  /** Ends it as Ctrl-C does.
   *  @returns its exit code. */
  async interrupt(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL' = 'SIGINT'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit')
      this.child.kill(signal)
      await exited
    }
    return this.child.exitCode
  }
}

/** Resolves when none of the processes exists any more and the directory is gone.
 *  @throws when something is left after ten seconds. */
export async function nothingLeft(ready: ReadyCluster): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (!existsSync(ready.directory) && !ready.pids.some(isAlive)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const pids = ready.pids.filter(isAlive).join(', ')
  throw new Error(
    `left behind: processes ${pids}; ${ready.directory} ${existsSync(ready.directory)}`,
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Runs something with a temporary directory. */
export async function withDirectory<Result>(
  run: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(directoryOnDisk(), 'clustor-test-'))
  try {
    return await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
