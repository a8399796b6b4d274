import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Model } from '../api/model.js'
import { codeOf, UserError } from '../errors.js'
import { loadingApp } from './api/health.js'
import { type AppOptions, createApp } from './app.js'
import { Queue } from './run/queue.js'
import { LIMITS, type Limits } from './shared/limits.js'

export interface ListenOptions extends Omit<AppOptions, 'queue'> {
  /** Default 127.0.0.1: only programs on this computer can reach it. */
  host?: string
  /** 0 for any that is free. */
  port: number
}

/** A server that listens. */
export interface Listening {
  /** Where it is to be found: http://127.0.0.1:8080. */
  readonly url: string
  /** From now on the model answers; before, all are told to wait. Throws a UserError where it predicts no tokens. */
  open(model: Model): void
  /** Finishes what runs, as far as that is done in time, refuses all else, and lets go of the address. */
  close(): Promise<void>
}

/** Begins to listen. Rejects with a UserError where the address cannot be had. */
export async function listen({ host = '127.0.0.1', port, ...options }: ListenOptions): Promise<Listening> {
  const limits = { ...LIMITS, ...options.limits }
  const queue = new Queue(limits)
  let app = loadingApp()
  const server = createAdaptorServer({
    fetch: (request, env) => app.fetch(request, env),
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(5_000, limits.headMs),
    },
  }) as Server
  server.maxConnections = limits.connections
  server.on('request', (_, outgoing: ServerResponse) => bound(outgoing, limits))
  await started(server, host, port)
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    open: (model) => {
      app = createApp(model, { ...options, host, limits, queue })
    },
    close: async () => {
      await queue.close(limits.drainMs)
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      // Readers of the last answers have a moment to take them.
      const cutOff = setTimeout(() => server.closeAllConnections(), 1_000)
      await closed
      clearTimeout(cutOff)
    },
  }
}

/** A whole answer may lie long in the connection's buffer if nobody takes it; a stream sees to that itself. */
function bound(outgoing: ServerResponse, { stallMs }: Pick<Limits, 'stallMs'>): void {
  outgoing.once('prefinish', () => outgoing.socket?.setTimeout(stallMs))
}

function started(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(error, host, port)))
    server.listen(port, host, resolve)
  })
}

function cannotListen(error: Error, host: string, port: number): UserError {
  const code = codeOf(error)
  if (code === 'EADDRINUSE') return new UserError(`port ${port} of ${host} is in use; choose another with \`port\``)
  if (code === 'EACCES') return new UserError(`port ${port} may not be used by this user; choose another with \`port\``)
  return new UserError(`${host}: no address of this computer that can be listened at (${code})`)
}
