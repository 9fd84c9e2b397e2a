// Compiles the core for 64-bit ARM and runs the tests of the checksum, which compare the instructions of ARMv8 with the tables,
// in an emulator. Needs g++-aarch64-linux-gnu and qemu-user.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { runSteps } from './steps.mjs'
import { buildNative } from './toolchain.mjs'

const emulator = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
const missing = ['aarch64-linux-gnu-g++', 'qemu-aarch64'].filter(
  (program) => spawnSync(program, ['--version']).status !== 0,
)
if (missing.length > 0) {
  console.error(
    `clustor: ${missing.join(' and ')} cannot be run: \`apt-get install g++-aarch64-linux-gnu qemu-user\` on Debian and Ubuntu`,
  )
  process.exit(1)
}

const folder = buildNative({
  name: 'native-arm64',
  definitions: [
    '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
    '-DCMAKE_SYSTEM_NAME=Linux',
    '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
    '-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
  ],
  targets: ['clustor_core', 'crc32c_test'],
})
await runSteps([
  {
    name: 'CRC32C on ARMv8',
    command: [...emulator, path.join(folder, 'test', 'crc32c_test')],
    single: true,
  },
])
