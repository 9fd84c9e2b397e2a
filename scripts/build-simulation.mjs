// Builds the addon of simulations: the C++ log on disks in memory, without threads (native/simulation).

import { buildNative, checkedBuild } from './toolchain.mjs'

buildNative({ ...checkedBuild(), targets: ['clustor_simulation'], quiet: true })
