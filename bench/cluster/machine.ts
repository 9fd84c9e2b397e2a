import { readFileSync, realpathSync } from 'node:fs'
import { arch, cpus, platform, release, totalmem } from 'node:os'

/** Where a measurement was made; without it figures mean little. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** File system and device of the data directory. */
  readonly fileSystem: string
  readonly device: string
}

/** Describes this machine and the disk under a directory. */
export function describeMachine(directory: string): Machine {
  const { device, fileSystem } = mountOf(realpathSync(directory))
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    fileSystem,
    device,
  }
}

/** One line for people. */
export function formatMachine(machine: Machine): string {
  const { cpu, cores, memoryBytes, kernel, node, fileSystem, device } = machine
  const gibibytes = (memoryBytes / 2 ** 30).toFixed(0)
  return `${cores} × ${cpu}, ${gibibytes} GiB, ${kernel}, Node.js ${node}, ${fileSystem} on ${device}`
}

interface Mount {
  readonly device: string
  readonly fileSystem: string
}

function mountOf(directory: string): Mount {
  let best = { path: '', device: 'unknown', fileSystem: 'unknown' }
  for (const line of readMounts().split('\n')) {
    const [device = '', path = '', fileSystem = ''] = line.split(' ')
    const inside = directory === path || directory.startsWith(path === '/' ? '/' : `${path}/`)
    if (path !== '' && inside && path.length >= best.path.length)
      best = { path, device, fileSystem }
  }
  return best
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mounts', 'utf8')
  } catch {
    return ''
  }
}
