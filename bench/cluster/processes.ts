import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** CPU seconds that processes have used so far, all their threads together, from /proc. Ended processes count as 0. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return sum(pids.map(cpuTicks)) / ticksPerSecond()
}

/** Resident memory of processes in bytes, from /proc. */
export function residentBytesOf(pids: readonly number[]): number {
  return sum(pids.map(residentKilobytes)) * 1024
}

// utime and stime are fields 14 and 15 of /proc/PID/stat; the name in field 2 may hold spaces, so count from its end.
function cpuTicks(pid: number): number {
  const [, fields = ''] = /\) (.*)$/s.exec(read(`/proc/${pid}/stat`)) ?? []
  const [userTicks, systemTicks] = fields.split(' ').slice(11, 13).map(Number)
  return (userTicks ?? 0) + (systemTicks ?? 0)
}

function residentKilobytes(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`)) ?? []
  return Number(kilobytes)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

let cachedTicksPerSecond = 0

function ticksPerSecond(): number {
  if (cachedTicksPerSecond === 0) {
    cachedTicksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  }
  return cachedTicksPerSecond
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
