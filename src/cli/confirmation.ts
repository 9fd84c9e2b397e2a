import { createInterface } from 'node:readline/promises'
import { ClustorError } from '../base/errors.js'

/** Where a question is asked. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream
  readonly signal: AbortSignal
}

/** Has a word typed before something that cannot be undone.
 *  @throws ERR_NOT_CONFIRMED when another one is typed, or nobody is there to type. */
export async function confirm(word: string, { input, output, signal }: Terminal): Promise<void> {
  if (input.isTTY !== true)
    throw notConfirmed('nobody is asked, since this is no terminal: add --yes')
  const asked = createInterface({ input, output, terminal: false })
  const ended = new AbortController()
  asked.once('close', () => {
    ended.abort()
  })
  try {
    const typed = await asked.question(`Type ${word} to go on: `, {
      signal: AbortSignal.any([signal, ended.signal]),
    })
    if (typed.trim() !== word) throw notConfirmed(`${word} was not typed`)
  } catch (error) {
    if (!ended.signal.aborted || signal.aborted) throw error
    throw notConfirmed(`${word} was not typed`)
  } finally {
    asked.close()
  }
}

const notConfirmed = (why: string): ClustorError =>
  new ClustorError('ERR_NOT_CONFIRMED', `nothing was changed: ${why}`)
