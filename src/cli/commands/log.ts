import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { addLogDump } from './log-dump.js'
import { addLogProve } from './log-prove.js'
import { addLogRepair } from './log-repair.js'
import { addLogVerify } from './log-verify.js'

/** `clustor log`: looks into data directories offline, and mends them. */
export function addLog(program: Command, context: CommandContext): void {
  const log = program
    .command('log')
    .description('look into data directories offline, and make them anew')
  addLogVerify(log, context)
  addLogDump(log, context)
  addLogProve(log, context)
  addLogRepair(log, context)
}
