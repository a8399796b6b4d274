/** Maximum characters of a tool's name in chat templates and OpenAI's API. */
const LONGEST = 64

/** A tool of a server by the name that the server gives it. */
export interface NamedTool {
  server: string
  tool: string
}

/**
 * Names for the tools of several servers, in their order. A name is that of the server, with `_` for characters other
 * than letters, digits, `_` and `-`. Tools whose names are equal get their server's in front; if they are still equal, a
 * number behind.
 */
export function uniqueNames(tools: readonly NamedTool[]): string[] {
  const plain = tools.map(({ tool }) => allowed(tool))
  const counts = new Map<string, number>()
  for (const name of plain) counts.set(name, (counts.get(name) ?? 0) + 1)
  const taken = new Set<string>(plain.filter((name) => counts.get(name) === 1))
  return tools.map(({ server, tool }, i) => {
    if (counts.get(plain[i]) === 1) return plain[i]
    const long = allowed(`${server}_${tool}`)
    let name = long
    for (let n = 2; taken.has(name); n++) name = `${long.slice(0, LONGEST - 4)}_${n}`
    taken.add(name)
    return name
  })
}

function allowed(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, LONGEST)
}
