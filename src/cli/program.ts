import { Command } from 'commander'
import { addBench } from './commands/bench.js'
import { addDelete } from './commands/delete.js'
import { addDev } from './commands/dev.js'
import { addGet } from './commands/get.js'
import { addKeys } from './commands/keys.js'
import { addLoad } from './commands/load.js'
import { addLog } from './commands/log.js'
import { addPut } from './commands/put.js'
import { addRecover } from './commands/recover.js'
import { addScan } from './commands/scan.js'
import { addStart } from './commands/start.js'
import { addStatus } from './commands/status.js'
import { addTail } from './commands/tail.js'
import type { CommandContext } from './context.js'
import { packageVersion } from './package-root.js'

/** Builds the command tree; nothing runs before `parseAsync`. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('clustor')
    .description('A durable log, replicated by Raft.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .showHelpAfterError('(clustor --help lists commands, clustor COMMAND --help their flags)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        context.output.line(text.trimEnd())
      },
      writeErr: (text) => {
        context.output.note(text.trimEnd())
      },
    })
  for (const add of commands) add(program, context)
  return program
}

/** Every command, in the order of `clustor --help`. */
const commands = [
  addDev,
  addStart,
  addPut,
  addGet,
  addDelete,
  addScan,
  addLoad,
  addTail,
  addStatus,
  addLog,
  addRecover,
  addKeys,
  addBench,
]
