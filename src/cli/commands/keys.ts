import type { Command } from 'commander'
import { createKeyFile, rotateKeyFile, type KeyFileSummary } from '../../log.js'
import type { CommandContext } from '../context.js'

interface KeysFlags {
  readonly json?: true
}

/** `clustor keys`: makes the files that `--keys` and the setting keysFile name. */
export function addKeys(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('make key files for encrypted logs')
  const file = 'the key file; only its owner may read it'
  keys
    .command('create')
    .description('make a key file with one data key and one MAC key')
    .argument('<file>', file)
    .option('--json', 'print JSON')
    .action((path: string, flags: KeysFlags) => {
      print('made', createKeyFile(path), flags, context)
    })
  keys
    .command('rotate')
    .description('add a data key and a MAC key under the next epochs; older ones stay')
    .argument('<file>', file)
    .option('--json', 'print JSON')
    .action((path: string, flags: KeysFlags) => {
      print('rotated', rotateKeyFile(path), flags, context)
    })
}

function print(
  done: string,
  found: KeyFileSummary,
  flags: KeysFlags,
  { output }: CommandContext,
): void {
  if (flags.json) {
    output.json(found)
    return
  }
  const { path, activeDek, activeMac, dekEpochs, macEpochs } = found
  output.line(`${done} ${path}: new segments use data key ${activeDek} and MAC key ${activeMac}`)
  if (done === 'made') output.line('Keep a copy of it elsewhere: without its keys a log is lost.')
  else
    output.line(`It holds data keys ${dekEpochs.join(', ')} and MAC keys ${macEpochs.join(', ')}.`)
}
