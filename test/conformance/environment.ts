import { Interaction } from './interaction.js'
import { parseScript } from './script.js'

/** Runs steps of a script in an environment of their own.
 *  @returns runs one more, and returns the lines that it put out. */
export function environment(...steps: readonly string[]): (text: string) => string[] {
  const interaction = new Interaction()
  const run = (text: string): string[] =>
    parseScript(`${text}\n----\n`).flatMap((step) => interaction.run(step).split('\n'))
  for (const step of steps) run(step)
  return run
}

/** Node 1 of three leads term 1; its log ends at 3; nothing is on its way. */
export const led = [
  'log-level none',
  'add-nodes 3 voters=(1,2,3) index=2',
  'campaign 1',
  'stabilize',
]
