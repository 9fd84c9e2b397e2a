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

/** CPU seconds of this process and of its ended children. */
export function ownCpuSeconds(): number {
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = statTicks('self')
  return (user + system + childUser + childSystem) / ticksPerSecond()
}

/** CPU seconds that all processes of the machine have used together since it started. */
export function machineCpuSeconds(): number {
  const [line = ''] = read('/proc/stat').split('\n')
  // user nice system idle iowait irq softirq steal; idle and iowait are no use of a CPU.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number)
  return sum(ticks.filter((_, position) => position !== 3 && position !== 4)) / ticksPerSecond()
}

function cpuTicks(pid: number): number {
  const [user = 0, system = 0] = statTicks(String(pid))
  return user + system
}

// utime, stime, cutime, cstime: fields 14 to 17 of /proc/PID/stat. The name in field 2 may hold spaces, so count from its end.
function statTicks(pid: string): number[] {
  const [, fields = ''] = /\) (.*)$/s.exec(read(`/proc/${pid}/stat`)) ?? []
  return fields === '' ? [] : fields.split(' ').slice(11, 15).map(Number)
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
