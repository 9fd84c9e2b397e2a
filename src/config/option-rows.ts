/** An option whose value is a number: a size, a duration or a count. */
export interface NumberRow<Group extends string = string> {
  readonly kind: 'bytes' | 'milliseconds' | 'count'
  readonly group: Group
  readonly default: number
  readonly min: number
  readonly max: number
  readonly powerOfTwo: boolean
  readonly doc: string
}

/** An option whose value is one of a few words. */
export interface ChoiceRow<Choice extends string = string, Group extends string = string> {
  readonly kind: 'choice'
  readonly group: Group
  readonly default: Choice
  readonly choices: readonly Choice[]
  /** A variable that names the choice as well, in any case; older than the generated name, which wins over it. */
  readonly alias: string | null
  readonly doc: string
}

/** An option that is on or off. */
export interface SwitchRow<Group extends string = string> {
  readonly kind: 'switch'
  readonly group: Group
  readonly default: boolean
  readonly doc: string
}

/** A row of the options table. */
export type OptionRow = NumberRow | ChoiceRow | SwitchRow

type NumberArguments<Group> = [group: Group, initial: number, min: number, max: number, doc: string]

/** A size; written as a number of bytes or with KiB, MiB, GiB. */
export function bytes<const Group extends string>(
  ...[group, initial, min, max, doc, constraint]: [
    ...NumberArguments<Group>,
    constraint?: { readonly powerOfTwo: boolean },
  ]
): NumberRow<Group> {
  const powerOfTwo = constraint?.powerOfTwo ?? false
  return { kind: 'bytes', group, default: initial, min, max, powerOfTwo, doc }
}

/** A duration; written as a number of milliseconds or with ms, s, min, h. */
export function milliseconds<const Group extends string>(
  ...[group, initial, min, max, doc]: NumberArguments<Group>
): NumberRow<Group> {
  return { kind: 'milliseconds', group, default: initial, min, max, powerOfTwo: false, doc }
}

/** A number of things. */
export function count<const Group extends string>(
  ...[group, initial, min, max, doc]: NumberArguments<Group>
): NumberRow<Group> {
  return { kind: 'count', group, default: initial, min, max, powerOfTwo: false, doc }
}

/** One of a few words. */
export function choice<const Choice extends string, const Group extends string>(
  group: Group,
  initial: NoInfer<Choice>,
  choices: readonly Choice[],
  doc: string,
  alias: string | null = null,
): ChoiceRow<Choice, Group> {
  return { kind: 'choice', group, default: initial, choices, alias, doc }
}

/** On or off. */
export function switched<const Group extends string>(
  group: Group,
  initial: boolean,
  doc: string,
): SwitchRow<Group> {
  return { kind: 'switch', group, default: initial, doc }
}
