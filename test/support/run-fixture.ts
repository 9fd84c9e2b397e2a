import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** How a fixture ended. */
export interface FixtureEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How to start a fixture. */
export interface FixtureOptions {
  /** Flags of Node.js. */
  readonly nodeFlags?: readonly string[]
  /** A fixture that is not done by then is killed, and its end says SIGKILL. */
  readonly timeoutMs?: number
  /** Variables besides those of this process. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts a compiled program as a process of its own; crashes and exits must not hit the test.
 *  @param program its URL, relative to the test: `new URL('fixtures/x.js', import.meta.url)`. */
export function startFixture(
  program: URL,
  programArguments: readonly string[],
  options: FixtureOptions = {},
): ChildProcess {
  return spawn(
    process.execPath,
    [...(options.nodeFlags ?? []), fileURLToPath(program), ...programArguments],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      env: { ...process.env, ...options.environment },
      killSignal: 'SIGKILL',
    },
  )
}

/** Runs a fixture to its end. */
export async function runFixture(
  program: URL,
  programArguments: readonly string[],
  options: FixtureOptions = {},
): Promise<FixtureEnd> {
  const child = startFixture(program, programArguments, { timeoutMs: 60_000, ...options })
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, ...output }
}
