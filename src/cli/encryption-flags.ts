import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { optionTable } from '../config/options.js'
import { createKeyFile } from '../log.js'

/** Flags of commands that make logs of their own: when the ledger is synced, and whether blocks are encrypted. */
export interface EncryptionFlags {
  readonly ledger: (typeof optionTable.ledger.choices)[number]
  readonly keys?: string
  readonly aead?: true
}

export function addEncryptionFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--ledger <mode>', 'when the ledger is synced')
        .choices(optionTable.ledger.choices)
        .default(optionTable.ledger.default),
    )
    .option('--keys <file>', 'encrypt and seal logs with the keys of this file')
    .addOption(new Option('--aead', 'the same with keys of the moment').conflicts('keys'))
}

/** Runs something with the key file that the flags ask for, or null; one of the moment is removed afterwards. */
export async function withKeys<Result>(
  { keys, aead }: EncryptionFlags,
  run: (path: string | null) => Promise<Result>,
): Promise<Result> {
  if (aead === undefined) return await run(keys ?? null)
  const directory = await mkdtemp(join(tmpdir(), 'clustor-keys-'))
  try {
    return await run(createKeyFile(join(directory, 'keys.json')).path)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Flags of the nodes for which keys and ledger were asked for. */
export const nodeFlagsOf = ({ ledger }: EncryptionFlags, keysFile: string | null): string[] => [
  `--ledger=${ledger}`,
  ...(keysFile === null ? [] : [`--keys-file=${keysFile}`]),
]
