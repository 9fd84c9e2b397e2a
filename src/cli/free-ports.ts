import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:net'
import type { NodeAddresses } from './local-cluster.js'

const host = '127.0.0.1'
const firstNodePort = 26_021
const firstClientPort = 26_031

/** Addresses for a local cluster: the well-known ports when all are free, so that commands need no `--endpoints`. */
export async function wellKnownOrFreeAddresses(count: number): Promise<NodeAddresses[]> {
  const wellKnown = Array.from({ length: count }, (_, position) => [
    firstNodePort + position,
    firstClientPort + position,
  ]).flat()
  const ports = count <= 10 ? await reserve(wellKnown).catch(() => null) : null
  return ports === null ? freeAddresses(count) : toAddresses(count, ports)
}

/** Addresses that nobody listens on at the moment. */
export async function freeAddresses(count: number): Promise<NodeAddresses[]> {
  return toAddresses(count, await freePorts(2 * count))
}

/** Ports of loopback that nobody listens on at the moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  return reserve(Array.from({ length: count }, () => 0))
}

function toAddresses(count: number, ports: readonly number[]): NodeAddresses[] {
  return Array.from({ length: count }, (_, position) => ({
    name: `n${position + 1}`,
    listen: `${host}:${ports[2 * position]}`,
    clientListen: `${host}:${ports[2 * position + 1]}`,
  }))
}

/** Listens on all of them at once, so that they differ, and lets go again.
 *  @throws when one is taken. */
async function reserve(wanted: readonly number[]): Promise<number[]> {
  const servers: Server[] = []
  try {
    for (const port of wanted) {
      const server = createServer()
      servers.push(server)
      server.listen({ port, host, exclusive: true })
      await once(server, 'listening')
    }
    return servers.map((server) => (server.address() as AddressInfo).port)
  } finally {
    await Promise.all(servers.map(closed))
  }
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  await once(server, 'close')
}
