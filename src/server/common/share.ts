/**
 * Whether one more request of a client may wait. `most` requests may, from any clients. Beyond that, a client may have its
 * share: `most` divided by the number of clients that wait. So one alone can use all, and shuts out no other.
 */
export function mayWait(waiting: readonly { client?: string }[], client: string | undefined, most: number): boolean {
  if (waiting.length < most) return true
  const clients = waiting.map((request) => request.client ?? request)
  const share = Math.floor(most / new Set<unknown>([...clients, client ?? {}]).size)
  return clients.filter((other) => other === client).length < share
}
