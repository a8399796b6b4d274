import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Model } from '../api/model.js'
import { codeOf, UserError } from '../ground/errors.js'
import { option, phrase } from '../ground/message.js'
import { type AppOptions, createApp, loadingApp } from './app.js'
import { LIMITS } from './common/limits.js'
import { endpointsOf } from './endpoints.js'
import { limitConnections } from './http/clients.js'
import { type ModelsOptions, ServedModels } from './models/served-models.js'
import type { ModelSource, ServedExperts } from './models/source.js'

export interface ListenOptions extends AppOptions, ModelsOptions {
  /** Address to listen on. Default 127.0.0.1, which only programs on this computer can reach. */
  host?: string
  /** 0 for any free port. */
  port: number
}

/** A listening server. Until a model has been loaded, every request gets 503. */
export interface Listening {
  /** Its address, such as http://127.0.0.1:8080. */
  readonly url: string
  /** Starts answering with a model, which the caller disposes later. Throws a UserError if it predicts no tokens. */
  open(model: Model, experts?: ServedExperts): void
  /**
   * Loads the first of some models and starts answering. The others are loaded when a request names them; the server
   * frees all. Resolves with their names. Rejects with a UserError if the first cannot be loaded, or if two have the same
   * name.
   */
  load(sources: readonly ModelSource[]): Promise<string[]>
  /** Waits for running requests up to `limits.drainMs`, refuses all others, and frees the address. */
  close(): Promise<void>
}

/** Starts a server. Rejects with a UserError if it cannot listen on the address. */
export async function listen({ host = '127.0.0.1', port, ...options }: ListenOptions): Promise<Listening> {
  const limits = { ...LIMITS, ...options.limits }
  let app = loadingApp()
  let models: ServedModels | undefined
  let isOurs = false
  let closing: Promise<void> | undefined
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
  limitConnections(server, limits.connections)
  // Closes a connection whose client does not read a complete response in time; streams do so themselves.
  server.on('request', (_, outgoing: ServerResponse) => {
    outgoing.once('prefinish', () => outgoing.socket?.setTimeout(limits.stallMs))
  })
  await started(server, host, port)
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    open: (model, experts = {}) => {
      models = ServedModels.of(model, experts, endpointsOf, options)
      app = createApp(models, { ...options, host })
    },
    load: async (sources) => {
      isOurs = true
      models = new ServedModels(sources, endpointsOf, options)
      await models.start()
      app = createApp(models, { ...options, host })
      return models.all.map(({ id }) => id)
    },
    close: () => {
      closing ??= end()
      return closing
    },
  }

  async function end(): Promise<void> {
    await models?.drain(limits.drainMs)
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeIdleConnections()
    // Clients have a moment to read the last answers.
    const cutOff = setTimeout(() => server.closeAllConnections(), 1_000)
    await closed
    clearTimeout(cutOff)
    if (isOurs) await models?.dispose()
  }
}

function started(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(error, host, port)))
    server.listen(port, host, resolve)
  })
}

function cannotListen(error: Error, host: string, port: number): UserError {
  const code = codeOf(error)
  if (code === 'EADDRINUSE')
    return new UserError(phrase`port ${port} of ${host} is in use; choose another with ${option('port')}`)
  if (code === 'EACCES')
    return new UserError(phrase`this user may not listen on port ${port}; choose another with ${option('port')}`)
  return new UserError(`${host}: not an address of this computer to listen on (${code})`)
}
