import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { clustor, startCommand, withDirectory } from './cli-support.js'

test('W15: clustor status says that the disk of a node hangs, and answers while it does', async (t) => {
  await withDirectory(async (directory) => {
    const hold = join(directory, 'hold')
    const child = startCommand(
      [
        ...['start', '--json', '--cluster=alone', '--node-id=n1', '--listen=127.0.0.1:0'],
        ...['--client-listen=127.0.0.1:0', `--data-dir=${join(directory, 'data')}`],
        ...['--segment-bytes=1MiB', '--sync-stall-ms=100ms'],
      ],
      { environment: { CLUSTOR_TEST_HOLD_SYNCS: hold } },
    )
    const lines = createInterface({ input: child.stdout ?? process.stdin })
    const [line] = (await once(lines, 'line')) as [string]
    const { clientListen } = JSON.parse(line) as { clientListen: string }
    const endpoints = ['--endpoints', clientListen]
    await clustor(['put', 'before', 'x', ...endpoints])

    await writeFile(hold, '')
    const put = clustor(['put', 'held', 'x', ...endpoints])
    let hanging = await clustor(['status', ...endpoints])
    for (let look = 0; look < 50 && !hanging.stdout.includes('waits for the disk'); look++) {
      hanging = await clustor(['status', ...endpoints])
    }
    await rm(hold)
    const ended = await put
    const after = await clustor(['status', ...endpoints])
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited

    t.is(hanging.code, 0)
    t.regex(hanging.stdout, /n1: waits for the disk: no answer for \d/)
    t.is(ended.code, 0)
    t.notRegex(after.stdout, /waits for the disk/)
  })
})
