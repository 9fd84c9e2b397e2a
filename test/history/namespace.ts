import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** A network namespace without a name: it goes when this process and those that were started in it are gone, however they end. */
export class Namespace {
  readonly #holder: ChildProcess

  /** @throws Error when this process may not make one. */
  static async open(): Promise<Namespace> {
    // What it runs says that it is inside, and lives as long as its standard input.
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo inside && exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // Ctrl-C is for this process, which ends the run in good order.
      detached: true,
    })
    const [outcome] = (await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'exit'),
      once(holder, 'error').then(([error]) => [error as unknown]),
    ])) as unknown[]
    if (!Buffer.isBuffer(outcome)) throw new Error(`unshare --net failed: ${String(outcome)}`)
    holder.unref()
    const namespace = new Namespace(holder)
    namespace.run('ip', 'link', 'set', 'lo', 'up')
    return namespace
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder
  }

  get pid(): number {
    return this.#holder.pid ?? 0
  }

  /** Arguments of `nsenter` that lead into it. */
  get entrance(): readonly string[] {
    return [`--net=/proc/${this.pid}/ns/net`]
  }

  /** Runs a command inside.
   *  @throws Error with what it printed when it fails. */
  run(program: string, ...args: readonly string[]): void {
    runCommand('nsenter', [...this.entrance, program, ...args])
  }

  close(): void {
    this.#holder.kill('SIGKILL')
  }
}

/** @throws Error with what it printed when it fails. */
export function runCommand(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
