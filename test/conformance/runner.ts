import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ConfigurationScript } from './confchange.js'
import { Interaction } from './interaction.js'
import { quorumVerbs } from './quorum.js'
import { parseScript, type Directive } from './script.js'

/** exact compares every line; protocol leaves out the lines that a logger would write. */
export type Mode = 'exact' | 'protocol'

/** The first place where the output is not the expected one. */
export interface Divergence {
  readonly line: number
  readonly command: string
  readonly expected: string
  readonly actual: string
}

/** What became of one script. */
export interface ScriptResult {
  readonly file: string
  readonly divergence: Divergence | undefined
}

/** Every script below a directory, sorted. */
export function listScripts(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const scripts = names.filter((name) => name.endsWith('.txt') && basename(name) !== 'LICENSE')
  return scripts.sort().map((name) => join(directory, name))
}

/** Runs one script up to its first divergence. */
export function runScript(file: string, mode: Mode): ScriptResult {
  const environment = { interaction: new Interaction(), configuration: new ConfigurationScript() }
  for (const directive of parseScript(readFileSync(file, 'utf8'))) {
    const divergence = compare(directive, runDirective(environment, directive), mode)
    if (divergence !== undefined) return { file, divergence }
  }
  return { file, divergence: undefined }
}

interface Environment {
  readonly interaction: Interaction
  readonly configuration: ConfigurationScript
}

function runDirective({ interaction, configuration }: Environment, directive: Directive): string {
  const quorumVerb = quorumVerbs[directive.verb]
  try {
    if (quorumVerb !== undefined) return quorumVerb(directive)
    return configuration.run(directive) ?? interaction.run(directive)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function compare(directive: Directive, output: string, mode: Mode): Divergence | undefined {
  const expected = comparable(directive.expected, mode)
  const actual = comparable(output.split('\n'), mode)
  for (let at = 0; at < Math.max(expected.length, actual.length); at++) {
    if (expected[at] === actual[at]) continue
    return {
      line: directive.line,
      command: directive.verb,
      expected: expected[at] ?? '(nothing)',
      actual: actual[at] ?? '(nothing)',
    }
  }
  return undefined
}

/** A step that only logged has nothing to compare, as has one that only said ok. */
function comparable(lines: readonly string[], mode: Mode): string[] {
  const kept = lines.map((line) => line.trimEnd()).filter((line) => line !== '')
  if (mode === 'exact') return kept
  return kept.filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line) && line !== 'ok')
}
