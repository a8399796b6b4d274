export interface McpServer {
  /** Name for messages, and for the names of tools that several servers have. */
  name: string
  command: string
  args: readonly string[]
  /** Environment variables, in addition to the few that every server gets. */
  env?: Readonly<Record<string, string>>
  /** Working folder. Default: the current one. */
  cwd?: string
  /** Names of the tools to offer, as the server gives them. Default: all. */
  tools?: readonly string[]
}
