// Reads what a release must know about a Linux binary: its machine, and the newest library versions that it asks for. Covers
// 64-bit little-endian ELF, which is what we ship; objdump would be one more program to have.

import { readFileSync } from 'node:fs'

const machines = { 62: 'x64', 183: 'arm64' }
/** What Node.js 20 itself asks for: an addon that asks for no more runs wherever Node.js runs. */
const nodeNeeds = { GLIBC: '2.28', GLIBCXX: '3.4.21', CXXABI: '1.3.9' }
const versionNeedType = 0x6ffffffe

/**
 * @param {string} file
 * @returns {{ arch: string, versions: string[] }} `versions` like `GLIBC_2.14`, `GLIBCXX_3.4.21`
 */
export function readElf(file) {
  const bytes = readFileSync(file)
  const isElf64 = bytes.toString('latin1', 0, 4) === '\x7fELF' && bytes[4] === 2 && bytes[5] === 1
  if (!isElf64) throw new Error(`${file} is not a 64-bit little-endian ELF file`)
  const sections = readSections(bytes)
  const versionNeeds = sections.find((section) => section.type === versionNeedType)
  return {
    arch: machines[bytes.readUInt16LE(0x12)] ?? 'unknown',
    versions: versionNeeds === undefined ? [] : readVersionNeeds(bytes, sections, versionNeeds),
  }
}

/**
 * The versions that a machine which runs Node.js may lack.
 * @param {string[]} versions
 */
export function newerThanNodeNeeds(versions) {
  return versions.filter((version) => {
    const [library, number] = version.split('_')
    const floor = nodeNeeds[library]
    return floor !== undefined && compareVersions(number, floor) > 0
  })
}

function compareVersions(left, right) {
  const [leftParts, rightParts] = [left, right].map((text) => text.split('.').map(Number))
  const count = Math.max(leftParts.length, rightParts.length)
  for (let position = 0; position < count; position++) {
    const difference = (leftParts[position] ?? 0) - (rightParts[position] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function readSections(bytes) {
  const tableOffset = Number(bytes.readBigUInt64LE(0x28))
  const rowBytes = bytes.readUInt16LE(0x3a)
  const count = bytes.readUInt16LE(0x3c)
  return Array.from({ length: count }, (_, position) => {
    const row = tableOffset + position * rowBytes
    return {
      type: bytes.readUInt32LE(row + 0x04),
      offset: Number(bytes.readBigUInt64LE(row + 0x18)),
      link: bytes.readUInt32LE(row + 0x28),
      info: bytes.readUInt32LE(row + 0x2c),
    }
  })
}

/** Walks Elf64_Verneed (one a library) and its Elf64_Vernaux (one a version); both are linked by relative offsets. */
function readVersionNeeds(bytes, sections, section) {
  const textOffset = sections[section.link].offset
  const versions = []
  let need = section.offset
  for (let library = 0; library < section.info; library++) {
    let entry = need + bytes.readUInt32LE(need + 8)
    for (let left = bytes.readUInt16LE(need + 2); left > 0; left--) {
      versions.push(textAt(bytes, textOffset + bytes.readUInt32LE(entry + 8)))
      entry += bytes.readUInt32LE(entry + 12)
    }
    need += bytes.readUInt32LE(need + 12)
  }
  return versions
}

function textAt(bytes, offset) {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset))
}
