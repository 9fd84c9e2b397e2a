import { KeyValueMachine, Node } from '../../src/index.js'
import type { NodeOptions } from '../../src/index.js'

// One node of a cluster as a process of its own, until its parent ends it or goes away.
const options = JSON.parse(process.argv[2] ?? '{}') as NodeOptions

process.once('disconnect', () => process.exit(0))
const node = await Node.open({
  ...options,
  onProblem: (error) => {
    if (error.code === 'ERR_INVARIANT' || error.code === 'ERR_APPLY_FAULT') console.error(error)
  },
})
await node.openPartition('default', { stateMachine: () => new KeyValueMachine() })
process.once('message', () => {
  // Nothing of a closed node keeps the process alive: it ends by itself once the parent's channel is let go.
  node.close().then(
    () => {
      process.removeAllListeners('disconnect')
      process.disconnect()
    },
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.send?.('ready')
