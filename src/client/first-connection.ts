import { ClustorError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import { aborted } from './context.js'
import type { ClientContext } from './context.js'
import type { Route, RouteUser } from './route.js'

/** Refusals that say more than that a node cannot be reached. */
const tellingCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_CLUSTER_MISMATCH',
  'ERR_PROTOCOL',
  'ERR_VERSION_MISMATCH',
])

/** Resolves when a route has its first connection.
 *  @throws ERR_UNAVAILABLE when every endpoint was tried in vain, or requestTimeoutMs has passed; the refusal itself when it
 *  is about cluster or version; ERR_ABORTED. */
export async function firstConnection(
  route: Route,
  endpoints: readonly string[],
  context: ClientContext,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted === true) throw aborted(signal, 'not-applied')
  let undo = (): void => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const user: RouteUser = {
        routeReady: resolve,
        routeFailed: (error, failures) => {
          if (failures >= endpoints.length) reject(unavailable(endpoints, error))
        },
      }
      const onAbort = (): void => {
        if (signal !== undefined) reject(aborted(signal, 'not-applied'))
      }
      const deadline = context.timers.after(context.options.requestTimeoutMs, () =>
        reject(unavailable(endpoints, route.lastError)),
      )
      signal?.addEventListener('abort', onAbort)
      route.addUser(user)
      undo = () => {
        deadline.cancel()
        signal?.removeEventListener('abort', onAbort)
        route.removeUser(user)
      }
      if (route.connection !== null) resolve()
    })
  } finally {
    undo()
  }
}

function unavailable(endpoints: readonly string[], error: ClustorError | null): ClustorError {
  if (error !== null && tellingCodes.has(error.code)) return error
  const reason = error === null ? 'no answer came in time' : error.message
  return new ClustorError('ERR_UNAVAILABLE', `no node at ${endpoints.join(', ')}: ${reason}`, {
    cause: error ?? undefined,
    fields: { endpoints: endpoints.join(',') },
  })
}
