import { PassThrough } from 'node:stream'
import test from 'ava'

import { confirm } from '../../src/cli/confirmation.js'
import type { Terminal } from '../../src/cli/confirmation.js'

function terminal(typed: string, { isTTY = true } = {}): Terminal {
  const input = Object.assign(new PassThrough(), { isTTY })
  input.end(typed)
  return { input, output: new PassThrough(), signal: new AbortController().signal }
}

test('what cannot be undone is done when the word was typed', async (t) => {
  await t.notThrowsAsync(confirm('orders', terminal('orders\n')))
})

test('another word, no word and no terminal are refused by code', async (t) => {
  const refused = [
    terminal('order\n'),
    terminal('\n'),
    terminal(''),
    terminal('orders\n', { isTTY: false }),
  ]
  for (const each of refused) {
    await t.throwsAsync(confirm('orders', each), { code: 'ERR_NOT_CONFIRMED' })
  }
})
