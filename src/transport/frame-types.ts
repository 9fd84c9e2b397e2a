/** The first byte of every body: docs/protocol.md §1. */
export const frameTypes = {
  hello: 0x01,
  welcome: 0x02,
  refusal: 0x03,
  openChannel: 0x04,
  channelRefused: 0x05,
  ping: 0x06,
  pong: 0x07,

  preVote: 0x10,
  preVoteResponse: 0x11,
  requestVote: 0x12,
  requestVoteResponse: 0x13,
  appendEntries: 0x14,
  appendEntriesResponse: 0x15,
  heartbeat: 0x16,
  heartbeatResponse: 0x17,
  installSnapshot: 0x18,
  timeoutNow: 0x19,
  readIndex: 0x1a,
  readIndexResponse: 0x1b,

  propose: 0x20,
  query: 0x21,
  openSession: 0x22,
  subscribe: 0x23,
  credit: 0x24,
  cancel: 0x25,
  status: 0x26,

  answer: 0x40,
  error: 0x41,
  entry: 0x42,
} as const

/** Bytes of the length before every body. */
export const lengthPrefixBytes = 4
/** Largest body of any frame. Part of the protocol; the option frameBytesMax can only lower it. */
export const bodyBytesMax = 4 * 1024 * 1024
/** Largest body of a control frame, and of any frame before the handshake is over. */
export const controlBytesMax = 64 * 1024
/** Type, flags and channel: what every Raft message and every request begins with. */
export const frameHeadBytes = 4

/** The type of a body, in the way messages show it. */
export const describeType = (type: number): string => `0x${type.toString(16).padStart(2, '0')}`
