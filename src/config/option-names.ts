import type { OptionRow } from './option-rows.js'
import { optionTable, type OptionName } from './options.js'

/** The environment variable of an option: `segmentBytes` is `CLUSTOR_SEGMENT_BYTES`. */
export function environmentName(name: string): string {
  return `CLUSTOR_${words(name).join('_').toUpperCase()}`
}

/** The older variable of an option, or null. */
export function aliasName(name: OptionName): string | null {
  const row: OptionRow = optionTable[name]
  return row.kind === 'choice' ? row.alias : null
}

/** The flag of an option: `segmentBytes` is `--segment-bytes`. */
export function flagName(name: string): string {
  return `--${words(name).join('-')}`
}

const words = (name: string): string[] => name.split(/(?=[A-Z])/).map((word) => word.toLowerCase())
