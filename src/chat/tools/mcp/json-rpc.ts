import { UserError } from '../../../ground/errors.js'
import { isObject, parseJsonObject } from '../../../ground/json/json.js'
import { allowManyListeners } from '../../../ground/platform/listeners.js'
import { printable, reasonOf } from '../../../ground/printable.js'
import type { McpServer } from './server.js'
import { ServerProcess } from './server-process.js'
import { visibleText } from './visible-text.js'

/** Error code of JSON-RPC for a method that the receiver does not have. */
const METHOD_NOT_FOUND = -32601

const MOST_VALUES = 2 ** 17

interface Pending {
  method: string
  resolve(result: Record<string, unknown>): void
  reject(error: Error): void
}

export interface RequestLimits {
  milliseconds: number
  /** Message of the error when they have passed. Default: one that names them. */
  late?: string
  signal?: AbortSignal
}

export interface ConnectionListener {
  onNotification(method: string): void
  /** Called once, when the connection ends without `close`. The reason is printable. */
  onEnd(reason: string): void
  /** Called for what the server does wrong without ending. The text is printable. */
  onFault(fault: string): void
}

/** JSON-RPC 2.0 with a server, a message a line. Errors are one printable line and do not name the server. */
export class Connection {
  private readonly process: ServerProcess
  private readonly pending = new Map<number, Pending>()
  private nextId = 1
  private ended?: string

  constructor(
    server: McpServer,
    private readonly listener: ConnectionListener,
  ) {
    this.process = new ServerProcess(server, {
      onLine: (line) => this.read(line),
      onEnd: (reason) => this.end(reason),
    })
  }

  get lastWords(): string {
    return this.process.lastWords
  }

  /** Lines of its stderr that say why it cannot start. */
  get errorWords(): string {
    return this.process.errorWords
  }

  /** Asks the server. Rejects with its error, after `milliseconds`, or with the signal's reason, and asks it to stop. */
  request(
    method: string,
    params: Record<string, unknown>,
    { milliseconds, late, signal }: RequestLimits,
  ): Promise<Record<string, unknown>> {
    signal?.throwIfAborted()
    if (this.ended !== undefined) return Promise.reject(new UserError(this.ended))
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.pending.delete(id)
      }
      const giveUp = (error: Error) => {
        settle()
        // The specification forbids to cancel the first request.
        if (method !== 'initialize') {
          this.notify('notifications/cancelled', { requestId: id, reason: 'the client no longer waits' })
        }
        reject(error)
      }
      const onAbort = () => giveUp(signal?.reason)
      const reason = late ?? `did not answer within ${milliseconds / 1000} s`
      const timer = setTimeout(() => giveUp(new UserError(reason)), milliseconds)
      if (signal) allowManyListeners(signal)
      signal?.addEventListener('abort', onAbort)
      this.pending.set(id, {
        method,
        resolve(result) {
          settle()
          resolve(result)
        },
        reject(error) {
          settle()
          reject(error)
        },
      })
      this.write({ id, method, params })
    })
  }

  notify(method: string, params?: Record<string, unknown>): void {
    this.write({ method, ...(params && { params }) })
  }

  async close(): Promise<void> {
    this.ended ??= 'is closed'
    this.rejectAll(this.ended)
    await this.process.close()
  }

  private write(message: Record<string, unknown>): void {
    if (this.ended === undefined) this.process.write(JSON.stringify({ jsonrpc: '2.0', ...message }))
  }

  private read(line: Buffer): void {
    const text = line.subarray(0, 200).toString('utf8').trim()
    if (text === '') return
    if (!text.startsWith('{')) {
      this.listener.onFault(`wrote a line that is no message: ${printable(text, 60)}`)
      return
    }
    let message: Record<string, unknown>
    try {
      message = parseJsonObject(line, 'wrote a message', MOST_VALUES)
    } catch (error) {
      // It may be an answer, and without it a request would wait for its time limit.
      const reason = reasonOf(error)
      if (this.pending.size === 0) this.listener.onFault(reason)
      this.rejectAll(reason)
      return
    }
    this.take(message)
  }

  private take({ id, method, result, error }: Record<string, unknown>): void {
    if (typeof method === 'string') {
      if (id === undefined) this.listener.onNotification(method)
      else if (typeof id === 'number' || typeof id === 'string') this.answer(id, method)
      return
    }
    const pending = typeof id === 'number' ? this.pending.get(id) : undefined
    if (!pending) {
      // An answer to a request that was given up comes too late, which is no fault.
      const isLate = typeof id === 'number' && Number.isInteger(id) && id > 0 && id < this.nextId
      if (!isLate)
        this.listener.onFault(`answered a request that there was not: ${printable(JSON.stringify(id) ?? '', 40)}`)
      return
    }
    if (isObject(error)) pending.reject(new UserError(messageOf(error)))
    else if (isObject(result)) pending.resolve(result)
    else pending.reject(new UserError(`answered ${pending.method} with neither a result nor an error`))
  }

  /** Answers a request of the server. molm offers it nothing: no sampling, no roots, no questions to the user. */
  private answer(id: number | string, method: string): void {
    if (method === 'ping') this.write({ id, result: {} })
    else this.write({ id, error: { code: METHOD_NOT_FOUND, message: 'molm does not support this method' } })
  }

  private end(reason: string): void {
    this.ended = reason
    this.rejectAll(reason)
    this.listener.onEnd(reason)
  }

  private rejectAll(reason: string): void {
    for (const { reject } of [...this.pending.values()]) reject(new UserError(reason))
  }
}

/** Message of a server's error, on one line. */
function messageOf({ code, message }: Record<string, unknown>): string {
  const text =
    typeof message === 'string' && message !== ''
      ? printable(visibleText(message), 500)
      : 'gave an error without a message'
  return typeof code === 'number' ? `${text} (${code})` : text
}
