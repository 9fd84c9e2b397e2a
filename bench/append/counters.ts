import { readFileSync, statSync } from 'node:fs'

/** Processor time of the main thread so far, microseconds; null where the system does not tell (Linux does). */
export function mainThreadCpuUs(): number | null {
  const [nanoseconds] = fieldsOf('/proc/self/schedstat')
  return nanoseconds === undefined ? null : nanoseconds / 1e3
}

/** Flushes that the device under a directory has completed, everybody's; null where the system does not tell. */
export function deviceFlushes(directory: string): number | null {
  const { dev } = statSync(directory)
  // The encoding of makedev(3) in Linux, for device numbers that fit into 32 bits.
  const major = (dev >> 8) & 0xfff
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00)
  const device = `/sys/dev/block/${major}:${minor}`
  // Flushes are counted for whole disks: of a partition, its disk stands one folder up.
  return flushesOf(`${device}/partition`) === null
    ? flushesOf(`${device}/stat`, flushField)
    : flushesOf(`${device}/../stat`, flushField)
}

/** Position in Documentation/block/stat.rst. */
const flushField = 15

function flushesOf(path: string, field = 0): number | null {
  return fieldsOf(path)[field] ?? null
}

function fieldsOf(path: string): number[] {
  try {
    return readFileSync(path, 'utf8').trim().split(/\s+/).map(Number)
  } catch {
    return []
  }
}
