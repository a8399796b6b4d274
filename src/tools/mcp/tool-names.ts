/** Maximum characters of a tool's name in chat templates and OpenAI's API. */
const LONGEST = 64

/** A tool of a server by the name that the server gives it. */
export interface NamedTool {
  server: string
  tool: string
}

/**
 * Names for the tools of several servers. A name is that of the server, with `_` for characters other than letters,
 * digits, `_` and `-`. Tools whose names are equal get their server's in front; if they are still equal, a number behind.
 * A tool keeps its name when the servers change their tools, and no other tool ever gets it: the user may have allowed
 * calls by that name.
 */
export class ToolNames {
  private readonly given = new Map<string, string>()
  private readonly taken = new Set<string>()

  /** Names in the order of the tools. */
  of(tools: readonly NamedTool[]): string[] {
    const added = tools.filter((tool) => !this.given.has(keyOf(tool)))
    const counts = new Map<string, number>()
    for (const { tool } of added) counts.set(allowed(tool), (counts.get(allowed(tool)) ?? 0) + 1)
    const isPlain = ({ tool }: NamedTool) => counts.get(allowed(tool)) === 1 && !this.taken.has(allowed(tool))
    const plain = new Set(added.filter(isPlain))
    for (const tool of plain) this.give(tool, allowed(tool.tool))
    for (const tool of added.filter((tool) => !plain.has(tool))) this.give(tool, this.longName(tool))
    return tools.map((tool) => this.given.get(keyOf(tool)) as string)
  }

  private longName({ server, tool }: NamedTool): string {
    const long = allowed(`${server}_${tool}`)
    let name = long
    for (let n = 2; this.taken.has(name); n++) name = `${long.slice(0, LONGEST - 10)}_${n}`
    return name
  }

  private give(tool: NamedTool, name: string): void {
    this.given.set(keyOf(tool), name)
    this.taken.add(name)
  }
}

function keyOf({ server, tool }: NamedTool): string {
  return JSON.stringify([server, tool])
}

function allowed(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, LONGEST)
}
