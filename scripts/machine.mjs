// Tells from its first bytes which system and processor a binary is made for: ELF, Mach-O and PE, each 64-bit little-endian.

import { readFileSync } from 'node:fs'

const formats = [
  {
    platform: 'linux',
    isMagic: (bytes) => bytes.readUInt32BE(0) === 0x7f454c46 && bytes[4] === 2 && bytes[5] === 1,
    machineOf: (bytes) => bytes.readUInt16LE(0x12),
    arches: { 62: 'x64', 183: 'arm64' },
  },
  {
    platform: 'darwin',
    isMagic: (bytes) => bytes.readUInt32LE(0) === 0xfeedfacf,
    machineOf: (bytes) => bytes.readUInt32LE(4),
    arches: { 0x01000007: 'x64', 0x0100000c: 'arm64' },
  },
  {
    platform: 'win32',
    isMagic: (bytes) => bytes.toString('latin1', 0, 2) === 'MZ',
    // The PE header stands where the field at 0x3c of the DOS header points; the machine follows its signature.
    machineOf: (bytes) => bytes.readUInt16LE(bytes.readUInt32LE(0x3c) + 4),
    arches: { 0x8664: 'x64', 0xaa64: 'arm64' },
  },
]

/**
 * @param {string} file
 * @returns {{ platform: string, arch: string, isAddon: boolean }} `isAddon`: it has the entry point of Node-API
 */
export function readMachine(file) {
  const bytes = readFileSync(file)
  const format = bytes.length < 64 ? undefined : formats.find(({ isMagic }) => isMagic(bytes))
  if (format === undefined)
    throw new Error(`${file} is no 64-bit program of Linux, macOS or Windows`)
  return {
    platform: format.platform,
    arch: format.arches[format.machineOf(bytes)] ?? 'unknown',
    isAddon: bytes.includes('napi_register_module_v1'),
  }
}
