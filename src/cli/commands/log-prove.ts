import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { ClustorError } from '../../base/errors.js'
import type { EntryProof } from '../../log.js'
import { entryOfProof, proveEntry, verifyProof } from '../../log.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import type { LogFlags } from '../log-flags.js'
import { addLogFlags, directoryArgument, findOneLog, withKeyFile } from '../log-flags.js'
import { valueFields } from '../value-fields.js'

interface ProveFlags extends LogFlags {
  readonly verify?: string
  readonly root?: string
}

/** `clustor log prove`: makes and checks proofs that an entry is part of a segment. */
export function addLogProve(log: Command, context: CommandContext): void {
  const command = log
    .command('prove')
    .description('prove that an entry is part of its segment, or check such a proof')
    .argument('[dir]', directoryArgument)
    .argument('[index]', 'index of the entry')
    .option('--verify <file>', 'check this proof; needs neither the log nor its keys')
    .option('--root <hex>', 'the root of the segment, from where it can be believed')
  addLogFlags(command, ' when a proof is checked; a proof is JSON anyway').action(
    async (path: string | undefined, index: string | undefined, flags: ProveFlags) => {
      if (flags.verify !== undefined) await check(flags.verify, flags, context)
      else await prove(path, index, flags, context)
    },
  )
}

async function prove(
  path: string | undefined,
  text: string | undefined,
  flags: ProveFlags,
  { output }: CommandContext,
): Promise<void> {
  const index = Number(text)
  if (path === undefined || !Number.isSafeInteger(index) || index < 1) {
    throw usage(
      'prove needs a data directory and the index of an entry, or --verify FILE --root HEX',
    )
  }
  const directory = await findOneLog(path)
  const proof = await withKeyFile(flags, (options) => proveEntry(directory, index, options))
  output.json(proof)
  output.note(`entry ${index} is in segment ${proof.segment}, whose root is ${proof.root}`)
}

async function check(
  file: string,
  { root, json }: ProveFlags,
  context: CommandContext,
): Promise<void> {
  if (root === undefined || !/^[0-9A-Fa-f]{64}$/.test(root)) {
    throw usage('--verify needs --root, 64 hexadecimal digits from where they can be believed')
  }
  const proof = await readProof(file)
  const proven = verifyProof(proof, root)
  const entry = proven ? entryOfProof(proof) : null
  if (!proven) context.exitCode = exitCodes.failed
  const { output } = context
  if (json) {
    const { index, term, kind } = entry ?? {}
    const payload = entry === null ? {} : valueFields(entry.payload)
    output.json({ proven, index, term, kind, ...payload })
  } else if (entry === null) {
    output.line(`${output.red('not proven')}: ${file} does not lead to that root`)
  } else {
    const { index, term, payload } = entry
    output.line(
      `${output.green('proven')}: entry ${index}, term ${term}, ${payload.byteLength} bytes`,
    )
  }
}

async function readProof(file: string): Promise<EntryProof> {
  const text = await readFile(file, 'utf8')
  try {
    return JSON.parse(text) as EntryProof
  } catch (cause) {
    throw new ClustorError('ERR_INVALID_ARGUMENT', `${file} holds no proof: it is not JSON`, {
      cause,
      fields: { path: file },
    })
  }
}

const usage = (message: string): ClustorError => new ClustorError('ERR_INVALID_ARGUMENT', message)
