// Builds the native tests and runs the campaign of crash images (docs/testing.md).
//   npm run crash-images -- [--images N] [--seed S] [--json] [--replay RUN.POINT.IMAGE]

import { runProof } from './toolchain.mjs'

runProof('crash_images')
