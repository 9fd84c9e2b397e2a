import type { ClustorError } from '../base/errors.js'
import type { ClientContext } from './context.js'
import { NodeConnection } from './node-connection.js'
import type { ConnectionUser } from './node-connection.js'

/** One connection per node, made when it is first needed. */
export class NodePool implements ConnectionUser {
  readonly #context: ClientContext
  readonly #connections = new Map<string, NodeConnection>()

  constructor(context: ClientContext) {
    this.#context = context
  }

  /** The connection to an address, ready or on its way. @throws ERR_INVALID_ARGUMENT when it is no address. */
  get(address: string): NodeConnection {
    const known = this.#connections.get(address)
    if (known !== undefined) return known
    const connection = new NodeConnection(address, this.#context)
    this.#connections.set(address, connection)
    connection.addUser(this)
    return connection
  }

  connectionReady(): void {
    // Users that wait for a connection hear of it themselves.
  }

  connectionEnded(connection: NodeConnection): void {
    if (this.#connections.get(connection.address) === connection) {
      this.#connections.delete(connection.address)
    }
  }

  /** Ends all connections. */
  async close(error: ClustorError): Promise<void> {
    const connections = [...this.#connections.values()]
    for (const connection of connections) connection.close(error)
    await Promise.all(connections.map((connection) => connection.closed))
  }
}
