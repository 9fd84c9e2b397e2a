#!/usr/bin/env node
import { CommandContext } from './context.js'
import { run } from './run.js'

const context = new CommandContext(process)
process.exitCode = await run(process.argv.slice(2), context)
