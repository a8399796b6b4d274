import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The client at an address: an IPv4 address, or an IPv6 network of 64 bits, since one computer may use all of that. */
export function clientOf(address?: string): string | undefined {
  if (!address?.includes(':') || address.includes('.')) return address?.replace(/^.*:/, '')
  const [head, tail] = address.split('::').map((groups) => (groups ? groups.split(':') : []))
  const zeros = tail ? new Array<string>(8 - head.length - tail.length).fill('0') : []
  return [...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':')
}

/**
 * Keeps at most `most` connections. One more closes another of the client that has most: the oldest without a request, or
 * the newest if all have one. So one client alone can use all, and shuts out no other.
 */
export function limitConnections(server: Server, most: number): void {
  /** The client of each connection, oldest first. */
  const clients = new Map<Socket, string | undefined>()
  /** The last response of each connection, until it is complete. */
  const answers = new WeakMap<Socket, ServerResponse>()
  server.on('connection', (socket: Socket) => {
    clients.set(socket, clientOf(socket.remoteAddress))
    socket.once('close', () => clients.delete(socket))
    if (clients.size <= most) return
    const theirs = new Map<string | undefined, Socket[]>([[clients.get(socket), []]])
    for (const [other, client] of clients) theirs.set(client, [...(theirs.get(client) ?? []), other])
    const greediest = [...theirs.values()].reduce((a, b) => (b.length > a.length ? b : a))
    const closed = greediest.find((other) => !answers.has(other)) ?? greediest[greediest.length - 1]
    clients.delete(closed)
    closed.destroy()
  })
  server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
    answers.set(socket, answer)
    // Another request may have come on the connection by then.
    answer.once('close', () => answers.get(socket) === answer && answers.delete(socket))
  })
}
