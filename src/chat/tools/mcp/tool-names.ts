/** Maximum characters of a tool's name in chat templates and OpenAI's API. */
const LONGEST = 64
/** Maximum characters of a server within the name of a tool. */
const LONGEST_SERVER = 40

/** A tool of a server by the name that the server gives it. */
export interface NamedTool {
  server: string
  tool: string
}

/**
 * Names for the tools of several servers. A name is what the server calls the tool, with `_` for characters other than
 * letters, digits, `_` and `-`. Tools whose names are equal get their server's in front; if they are still equal, a number
 * behind.
 *
 * The user may have allowed calls by name. So a tool keeps its name when the servers change their tools, no other tool
 * ever gets it, and a name that begins with a server's name and `_` is of this server: the one with the longest such name.
 */
export class ToolNames {
  /** Beginnings of names, by server. */
  private readonly beginnings = new Map<string, string>()
  private readonly given = new Map<string, string>()
  private readonly taken = new Set<string>()

  /** Takes the names of all servers, which differ. */
  constructor(servers: readonly string[]) {
    const begun = new Set<string>()
    for (const server of servers) {
      const short = allowed(server).slice(0, LONGEST_SERVER)
      let beginning = `${short}_`
      for (let n = 2; begun.has(beginning); n++) beginning = `${short}-${n}_`
      begun.add(beginning)
      this.beginnings.set(server, beginning)
    }
  }

  /** Names in the order of the tools. */
  of(tools: readonly NamedTool[]): string[] {
    const added = tools.filter((tool) => !this.given.has(keyOf(tool)))
    const counts = new Map<string, number>()
    for (const { tool } of added) counts.set(allowed(tool), (counts.get(allowed(tool)) ?? 0) + 1)
    const isPlain = ({ server, tool }: NamedTool) => {
      const name = allowed(tool)
      return counts.get(name) === 1 && !this.taken.has(name) && this.isOf(server, name)
    }
    const plain = new Set(added.filter(isPlain))
    for (const tool of plain) this.give(tool, allowed(tool.tool))
    for (const tool of added.filter((tool) => !plain.has(tool))) this.give(tool, this.longName(tool))
    return tools.map((tool) => this.given.get(keyOf(tool)) as string)
  }

  private longName({ server, tool }: NamedTool): string {
    const beginning = this.beginnings.get(server) as string
    for (let k = 1; ; k++) {
      // A tool `b_x` of a server `a` gets a number in front beside a server `a_b`, whose names begin with `a_b_`.
      const long = allowed(k === 1 ? `${beginning}${tool}` : `${beginning.slice(0, -1)}-${k}_${tool}`)
      let name = long
      for (let n = 2; this.isOf(server, name); n++) {
        if (!this.taken.has(name)) return name
        name = `${long.slice(0, LONGEST - 10)}_${n}`
      }
    }
  }

  /** Whether a name does not begin with the name of another server. */
  private isOf(server: string, name: string): boolean {
    let [owner, longest] = [server, 0]
    for (const [other, { length }] of [...this.beginnings].filter(([, beginning]) => name.startsWith(beginning))) {
      if (length > longest) [owner, longest] = [other, length]
    }
    return owner === server
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
