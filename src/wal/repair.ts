import { ClustorError } from '../base/errors.js'
import { loadAddon, type NativeRewriteReport, type NativeSalvageReport } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import { withKeys, type KeyRing } from './key-ring.js'
import { readLogSettings, toNativeOptions, type OpenLogOptions } from './log-settings.js'

/** What a log is to become. */
export type RewriteOptions = Pick<
  OpenLogOptions,
  'walDirectory' | 'keys' | 'encoding' | 'merkleLeaves' | 'segmentBytes' | 'ledgerCodec'
>

/** What was rewritten. */
export type RewriteReport = NativeRewriteReport

/** What was saved of a damaged log, and what was not. */
export type SalvageReport = NativeSalvageReport

/** Makes a log anew in its place: every block goes into new segments under the active epochs of the keys, in the encoding
 *  asked for; then old epochs are needed no more. A crash at any moment leaves the old log or the new one. Nobody may have
 *  it open.
 *  @param options keys must hold the epochs that the log needs now.
 *  @throws as DurableLog.open; ERR_DISK_FULL before anything is written; ERR_TOO_LARGE when no segment can hold a block. */
export async function rewriteDirectory(
  directory: string,
  options: RewriteOptions,
): Promise<RewriteReport> {
  // The files are where they are: whether a sync is worth something there was decided when they were made.
  const given = { ...options, directory, unsafeFileSystem: true }
  const settings = readLogSettings(given, 'rewriteDirectory')
  try {
    return await withKeys(settings.keys, (keys) =>
      loadAddon().rewriteDirectory(
        toNativeOptions(settings, { recoverEntries: false, progress: null, keys }),
      ),
    )
  } catch (error) {
    throw toClustorError(error)
  }
}

/** Saves what still verifies, from the beginning of a damaged log to the damage, as a new log in another directory. The
 *  damaged one is not changed.
 *  @param to made when missing; must hold no log.
 *  @throws ERR_INVALID_ARGUMENT when `to` is the log itself; ERR_KEY_UNKNOWN_EPOCH; ERR_KEY_WRONG; ERR_IO and its kin. */
export async function salvageDirectory(
  from: string,
  to: string,
  options: { readonly keys?: KeyRing | undefined } = {},
): Promise<SalvageReport> {
  if (from === to) {
    throw new ClustorError(
      'ERR_INVALID_ARGUMENT',
      `${to} is the damaged log; name another directory`,
    )
  }
  try {
    return await withKeys(options.keys, (keys) => loadAddon().salvageDirectory(from, to, keys))
  } catch (error) {
    throw toClustorError(error)
  }
}
