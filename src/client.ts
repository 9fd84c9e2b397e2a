/** `clustor/client`: the remote client. */
export { ClustorError } from './base/errors.js'
export type { ErrorCode, Outcome } from './base/errors.js'
export type { LogIndex, Term } from './base/ids.js'
export type { KeyRange, KeyValueResult, KeyValueRow } from './apply/key-value-codec.js'
export { Client } from './client/client.js'
export type {
  ClientOptions,
  QueryOptions,
  StatusOptions,
  SubscribeOptions,
} from './client/client.js'
export type { CallOptions } from './client/context.js'
export { KeyValueClient } from './client/key-value-client.js'
export type { ScanOptions } from './client/key-value-client.js'
export type { Proposed } from './client/proposal.js'
export type { Consistency, SubscriptionEntry } from './transport/client-service.js'
