// Builds the native tests and runs the tamper matrix (docs/tamper.md).
//   npm run tamper -- [--json | --markdown]

import { runProof } from './toolchain.mjs'

runProof('tamper')
