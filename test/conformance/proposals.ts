import { entryKinds } from '../../src/raft/entry-range.js'
import type { ScriptNode } from './node.js'
import { describeChange, type Payloads, type ScriptChange } from './payloads.js'

/** Something that a script proposes. */
export interface Proposal {
  /** The entry as the scripts show it. */
  readonly text: string
  /** Proposes it at a leader. @throws ProposalDropped */
  readonly submit: (leader: ScriptNode) => void
}

/** Nothing was appended. */
export class ProposalDropped extends Error {
  constructor() {
    super('raft proposal dropped')
  }
}

export const proposalOf = (data: string, payloads: Payloads): Proposal => ({
  text: `EntryNormal ${JSON.stringify(data)}`,
  submit: (leader) => {
    const result = leader.core.propose(entryKinds.normal, Uint32Array.of(data.length))
    if (result.kind === 'dropped') throw new ProposalDropped()
    payloads.put(result.term, result.firstIndex, data)
    leader.noteProposal(result)
  },
})

export const changeProposalOf = (change: ScriptChange, payloads: Payloads): Proposal => ({
  text: describeChange(change),
  submit: (leader) => {
    const result = leader.core.proposeMembership(change)
    if (result.kind === 'accepted') {
      payloads.putChange(result.term, result.firstIndex, change)
      leader.noteProposal(result)
    } else if (result.reason === 'refused') {
      // The scripts' own core puts an empty entry in the place of a change that it refuses.
      proposalOf('', payloads).submit(leader)
    } else throw new ProposalDropped()
  },
})
