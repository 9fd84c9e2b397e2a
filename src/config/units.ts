const byteUnits = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, KB: 1e3, MB: 1e6, GB: 1e9 }
const durationUnits = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 }

/** Units of sizes, as error messages list them. */
export const byteUnitNames = Object.keys(byteUnits).join(', ')
/** Units of durations, as error messages list them. */
export const durationUnitNames = Object.keys(durationUnits).join(', ')

/** Reads a size such as `64MiB` or `4096`.
 *  @returns bytes, or null when the text is not a whole number of bytes. */
export const parseBytes = (text: string): number | null => parseWithUnit(text, byteUnits)

/** Reads a duration such as `150ms` or `2 s`; a bare number is milliseconds.
 *  @returns milliseconds, or null when the text is not a whole number of milliseconds. */
export const parseDuration = (text: string): number | null => parseWithUnit(text, durationUnits)

/** Reads a count such as `256` or `16_384`. */
export const parseCount = (text: string): number | null => parseWithUnit(text, {})

/** Writes a size with the largest binary unit that divides it. */
export const formatBytes = (value: number): string =>
  withLargestUnit(value, { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 })

/** Writes a duration with the largest unit that divides it. */
export const formatDuration = (value: number): string => withLargestUnit(value, durationUnits)

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim())
  if (match === null) return null
  const [, digits = '', unit = ''] = match
  const factor = unit === '' ? 1 : units[unit]
  if (factor === undefined) return null
  const value = Number(digits.replaceAll('_', '')) * factor
  return Number.isSafeInteger(value) ? value : null
}

function withLargestUnit(value: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, factor]) => value % factor === 0)
  const [unit, factor] = (value === 0 ? fitting.at(0) : fitting.at(-1)) ?? ['', 1]
  return `${value / factor} ${unit}`.trim()
}
