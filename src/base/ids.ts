import { invariant } from './invariant.js'

declare const brand: unique symbol
type Branded<Name extends string> = number & { readonly [brand]: Name }

/** A Raft term. An integer below 2^53; 0 before the first election. */
export type Term = Branded<'Term'>
/** The position of an entry in a partition's log. An integer below 2^53; 0 before the first entry. */
export type LogIndex = Branded<'LogIndex'>
/** The numeric id of one replica of a partition; 0 means none. */
export type ReplicaId = Branded<'ReplicaId'>

/** No replica: an unknown leader, a vote not given. */
export const noReplica = 0 as ReplicaId

/** Brands a number as a term after asserting its range (architecture §4, "Positions are JS numbers"). */
export const asTerm = (value: number): Term => assertPosition(value) as Term
/** Brands a number as a log index after asserting its range. */
export const asIndex = (value: number): LogIndex => assertPosition(value) as LogIndex
/** Brands a number as a replica id after asserting its range. */
export const asReplica = (value: number): ReplicaId => assertPosition(value) as ReplicaId

function assertPosition(value: number): number {
  invariant(Number.isSafeInteger(value) && value >= 0, 'B1', { value })
  return value
}
