/** npm run history -- --nodes 3 --seconds N --nemesis kill,pause,partition,disk-full --out FILE [--seed S]
 *  [--network namespaces|proxies]: what clients of a real cluster saw, an operation a line, and whether it is linearizable. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

import { isNemesis } from './nemesis.js'
import { networkNames } from './network.js'
import { runHistory } from './run-history.js'

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    nemesis: { type: 'string', default: 'kill,pause,partition' },
    out: { type: 'string' },
    seed: { type: 'string', default: '1' },
    network: { type: 'string' },
  },
})
const kinds = values.nemesis.split(',').filter((name) => name !== '')
const unknown = kinds.filter((name) => !isNemesis(name))
const numbers = [values.nodes, values.seconds, values.seed].map(Number)
if (unknown.length > 0 || !numbers.every((number) => Number.isInteger(number) && number > 0)) {
  console.error(`--nodes, --seconds and --seed are whole numbers; unknown: ${unknown.join(', ')}`)
  process.exit(2)
}
const network = networkNames.find((name) => name === values.network)
if (network === undefined && values.network !== undefined) {
  console.error(`--network is one of ${networkNames.join(', ')}`)
  process.exit(2)
}
const [nodeCount = 3, seconds = 10, seed = 1] = numbers
const interruption = new AbortController()
process.once('SIGINT', () => {
  interruption.abort()
})
const directory = mkdtempSync(path.join(tmpdir(), 'clustor-history-'))
try {
  const report = await runHistory({
    nodeCount,
    seconds,
    seed,
    directory,
    kinds: kinds.filter(isNemesis),
    signal: interruption.signal,
    ...(network && { network }),
  })
  const { history, verdict, faults } = report
  if (values.out !== undefined) {
    writeFileSync(values.out, history.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
  const count = (outcome: string): number =>
    history.filter((operation) => operation.outcome === outcome).length
  console.log(`${count('ok')} ok, ${count('fail')} failed, ${count('unknown')} unknown`)
  for (const kind of kinds.filter(isNemesis)) {
    const by = kind === 'partition' ? ` (${report.network})` : ''
    console.log(`${kind}: ${faults[kind] === 0 ? 'NOT EXERCISED' : faults[kind]}${by}`)
  }
  console.log(verdict.kind === 'violation' ? JSON.stringify(verdict) : verdict.kind)
  process.exitCode = verdict.kind === 'linearizable' ? 0 : 1
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
