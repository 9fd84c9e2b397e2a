/** One step of a data-driven script: what to do, and what must come out. */
export interface Directive {
  /** The line of the verb, counted from 1. */
  readonly line: number
  readonly verb: string
  readonly args: readonly Argument[]
  /** The lines between the verb and the dashes. */
  readonly input: readonly string[]
  readonly expected: readonly string[]
}

/** `value`, `key=value` or `key=(value value)`; a bare word is a key without values. */
export interface Argument {
  readonly key: string
  readonly values: readonly string[]
}

const dashes = '----'

/** Reads a script in the format of the conformance suite's README. */
export function parseScript(text: string): Directive[] {
  const lines = text.split('\n')
  const directives: Directive[] = []
  let at = 0
  while (at < lines.length) {
    const line = (lines[at] ?? '').trim()
    if (line === '' || line.startsWith('#')) {
      at++
      continue
    }
    const command = readCommand(lines, at)
    const output = readOutput(lines, command.end)
    const { verb, args, input } = command
    directives.push({ line: at + 1, verb, args, input, expected: output.expected })
    at = output.end
  }
  return directives
}

/** The values of one argument; undefined when it is not there. */
export const argument = (directive: Directive, key: string): readonly string[] | undefined =>
  directive.args.find((candidate) => candidate.key === key)?.values

function readCommand(lines: readonly string[], start: number) {
  const end = lines.findIndex((line, at) => at >= start && line === dashes)
  if (end < 0) throw new Error(`line ${start + 1}: a command without ${dashes}`)
  const [first = '', ...rest] = lines.slice(start, end)
  const { verb, args } = parseCommandLine(first.trim())
  const input = rest.filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return { verb, args, input, end: end + 1 }
}

/** The output ends at a blank line, or at a second fence when it begins with one. */
function readOutput(lines: readonly string[], start: number) {
  const fenced = lines[start] === dashes
  const first = fenced ? start + 1 : start
  let end = first
  while (end < lines.length && !endsOutput(lines, end, fenced)) end++
  return { expected: lines.slice(first, end), end: fenced ? end + 2 : end }
}

function endsOutput(lines: readonly string[], at: number, fenced: boolean): boolean {
  return fenced ? lines[at] === dashes && lines[at + 1] === dashes : lines[at] === ''
}

/** The further commands of a step: lines below the first one that begin with one of the verbs. */
export const furtherCommands = (
  directive: Directive,
  isVerb: (verb: string) => boolean,
): Directive[] =>
  directive.input
    .map((line) => ({ ...directive, ...parseCommandLine(line.trim()), input: [] }))
    .filter(({ verb }) => isVerb(verb))

function parseCommandLine(line: string): { verb: string; args: Argument[] } {
  // A value in parentheses may hold spaces; everything else ends at one.
  const tokens = line.match(/[^\s=]+=\([^)]*\)|\S+/g) ?? []
  const [verb = '', ...rest] = tokens
  return { verb, args: rest.map(parseArgument) }
}

function parseArgument(token: string): Argument {
  const equals = token.indexOf('=')
  if (equals < 0) return { key: token, values: [] }
  const value = token.slice(equals + 1)
  const list = /^\((.*)\)$/s.exec(value)?.[1]
  const values = list === undefined ? [value] : list.split(/[\s,]+/).filter((part) => part !== '')
  return { key: token.slice(0, equals), values }
}
