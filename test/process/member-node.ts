import { ClustorError, KeyValueMachine, Node } from '../../src/index.js'
import type { MembershipChange, NodeOptions, Partition } from '../../src/index.js'

/** What a node tells its parent. */
export type NodeMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'problem'; readonly code: string }
  | { readonly kind: 'changed'; readonly incoming: readonly number[] }

// One node of a cluster as a process of its own, until its parent ends it or goes away. It makes the changes of membership
// that it is sent, and tells what goes wrong.
const options = JSON.parse(process.argv[2] ?? '{}') as NodeOptions
const tell = (message: NodeMessage): void => {
  process.send?.(message)
}

process.once('disconnect', () => process.exit(0))
const node = await Node.open({
  ...options,
  onProblem: ({ code }) => {
    tell({ kind: 'problem', code })
  },
})
const partition = await node.openPartition('default', { stateMachine: () => new KeyValueMachine() })
process.on('message', (change: MembershipChange) => {
  makeChange(partition, change).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
tell({ kind: 'ready' })

/** Tries again while only the moment does not admit the change. */
async function makeChange(led: Partition, change: MembershipChange): Promise<void> {
  for (;;) {
    try {
      const { incoming } = await led.changeMembership(change)
      tell({ kind: 'changed', incoming })
      return
    } catch (error) {
      if (!(error instanceof ClustorError) || !error.retryable) throw error
      await led.nextChange()
    }
  }
}
