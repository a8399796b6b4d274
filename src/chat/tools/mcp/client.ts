import { setTimeout as wait } from 'node:timers/promises'
import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { printable } from '../../../ground/printable.js'
import { resultText } from './call-result.js'
import { Connection } from './json-rpc.js'
import type { McpServer } from './server.js'
import { type ListedTool, listTools } from './tool-list.js'

/** Versions of the protocol, the newest first. What molm uses of them is the same. */
const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

/** Ms between two lists of the tools of a server that changes them all the time, and lists that may come at once. */
const [BETWEEN_LISTS, LISTS_AT_ONCE] = [1000, 8]
/** Most tools with different names that a server may offer while it runs, so that their names cannot fill the memory. */
const MOST_NAMES = 1024

const MOST_LISTED = 20

export interface ClientOptions {
  /** Version of molm, which the server gets. */
  version: string
  /** Time limit of the start, in ms. */
  startTime: number
  /** Time limit of a call, in ms. */
  callTime: number
  signal?: AbortSignal
  /** Receives printable notes for the user. */
  onNote(note: string): void
  onChange(): void
}

/** Client of the Model Context Protocol for one server: its tools. */
export class McpClient {
  tools: readonly ListedTool[] = []
  private readonly connection: Connection
  private readonly faults = new Set<string>()
  /** Names of all tools that it has offered. */
  private readonly offered = new Set<string>()
  private hasStarted = false
  private isOver = false
  private listing?: Promise<void>
  private isStale = false
  /** Time of the next list, if the server changes its tools often. */
  private nextList = 0

  private constructor(
    readonly server: McpServer,
    private readonly options: ClientOptions,
  ) {
    this.connection = new Connection(server, {
      onNotification: (method) => {
        if (method === 'notifications/tools/list_changed') this.listAgain()
      },
      onEnd: (reason) => {
        this.isOver = true
        if (this.hasStarted)
          options.onNote(`${this.explained(reason, this.connection.lastWords)}\nits tools give errors from now on`)
      },
      onFault: (fault) => this.report(fault),
    })
  }

  /**
   * Starts a server and lists its tools. Rejects with a UserError that names the server and has the last lines of its
   * stderr, or with the reason of the signal; the server is then ended.
   */
  static async start(server: McpServer, options: ClientOptions): Promise<McpClient> {
    const client = McpClient.of(server, options)
    try {
      await client.initialize()
      return client
    } catch (error) {
      const failure =
        error instanceof UserError
          ? new UserError(client.explained(error.message, client.connection.errorWords))
          : error
      await client.close()
      throw failure
    }
  }

  private static of(server: McpServer, options: ClientOptions): McpClient {
    try {
      return new McpClient(server, options)
    } catch (error) {
      throw error instanceof UserError ? new UserError(`${nameOf(server)} ${error.message}`) : error
    }
  }

  get name(): string {
    return nameOf(this.server)
  }

  get hasEnded(): boolean {
    return this.isOver
  }

  /** Calls a tool, and resolves with the text of its result. Rejects with what the model should read. */
  async call(tool: string, args: Record<string, unknown>, signal?: AbortSignal): Promise<string> {
    const limits = { milliseconds: this.options.callTime, signal }
    const result = await this.connection
      .request('tools/call', { name: tool, arguments: args }, limits)
      .catch((error) => {
        throw error instanceof UserError ? new UserError(`${this.name}: ${error.message}`) : error
      })
    return resultText(result)
  }

  close(): Promise<void> {
    this.isOver = true
    return this.connection.close()
  }

  private async initialize(): Promise<void> {
    const { version, startTime, signal } = this.options
    const end = performance.now() + startTime
    const late = `did not start within ${startTime / 1000} s`
    const ask = (method: string, params: Record<string, unknown>) => {
      const milliseconds = Math.max(end - performance.now(), 0)
      return this.connection.request(method, params, { milliseconds, late, signal })
    }
    const { protocolVersion, capabilities } = await ask('initialize', {
      protocolVersion: VERSIONS[0],
      capabilities: {},
      clientInfo: { name: 'molm', version },
    })
    if (typeof protocolVersion !== 'string' || !VERSIONS.includes(protocolVersion)) {
      const theirs = printable(JSON.stringify(protocolVersion) ?? 'nothing', 40)
      throw new UserError(`speaks version ${theirs} of the protocol; molm speaks ${VERSIONS.join(', ')}`)
    }
    this.connection.notify('notifications/initialized')
    if (isObject(capabilities) && isObject(capabilities.tools)) {
      const tools = await this.list((params) => ask('tools/list', params))
      this.checkChosen(tools)
      this.tools = this.chosen(tools)
    }
    if (this.tools.length === 0) this.options.onNote(`${this.name} has no tools`)
    this.hasStarted = true
    if (this.isStale) this.listAgain()
  }

  private async list(ask: Parameters<typeof listTools>[0]): Promise<ListedTool[]> {
    const earliest = performance.now() - LISTS_AT_ONCE * BETWEEN_LISTS
    this.nextList = Math.max(this.nextList, earliest) + BETWEEN_LISTS
    const listed = await listTools(ask, (fault) => this.report(fault))
    const tools = listed.filter(({ name }) => this.offered.has(name) || this.offered.size < MOST_NAMES)
    for (const { name } of tools) this.offered.add(name)
    if (tools.length < listed.length) this.report(`has changed its tools too often; new ones are left out`)
    return tools
  }

  /** Throws a UserError if a tool to offer does not exist. */
  private checkChosen(tools: readonly ListedTool[]): void {
    const names = tools.map(({ name }) => name)
    const unknown = this.server.tools?.find((name) => !names.includes(name))
    if (unknown === undefined) return
    const listed = names.slice(0, MOST_LISTED).map((name) => printable(name, 64))
    const all = `${listed.join(', ')}${names.length > MOST_LISTED ? ', ...' : ''}`
    throw new UserError(`has no tool ${printable(unknown, 64)}; its tools are ${all}`)
  }

  private chosen(tools: readonly ListedTool[]): readonly ListedTool[] {
    const { tools: names } = this.server
    return names ? tools.filter(({ name }) => names.includes(name)) : tools
  }

  /** Lists the tools after a change; again if they change meanwhile. */
  private listAgain(): void {
    this.isStale = true
    if (this.hasStarted)
      this.listing ??= this.listUntilFresh().finally(() => {
        this.listing = undefined
      })
  }

  private async listUntilFresh(): Promise<void> {
    const limits = { milliseconds: this.options.startTime }
    while (this.isStale) {
      const early = this.nextList - performance.now()
      if (early > 0) await wait(early, undefined, { ref: false })
      if (this.isOver) return
      this.isStale = false
      try {
        const tools = this.chosen(await this.list((params) => this.connection.request('tools/list', params, limits)))
        if (JSON.stringify(tools) === JSON.stringify(this.tools)) continue
        this.tools = tools
        this.options.onChange()
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        if (!this.isOver) this.report(`has changed its tools, but ${error.message}`)
      }
    }
  }

  /** Reports each kind of fault once. */
  private report(fault: string): void {
    const kind = fault.slice(0, 24)
    if (this.faults.has(kind)) return
    this.faults.add(kind)
    this.options.onNote(`${this.name} ${fault}`)
  }

  private explained(reason: string, words: string): string {
    return `${this.name} ${reason}${words === '' ? '' : `; it wrote:\n${words}`}`
  }
}

function nameOf({ name }: McpServer): string {
  return `MCP server ${printable(name, 40)}`
}
