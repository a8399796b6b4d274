import { createHash } from 'node:crypto'
import type { Tool } from '../../../api/chat-options.js'
import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { printable, printableText } from '../../../ground/printable.js'
import { visibleJson, visibleText } from './visible-text.js'

/** A tool as a server offers it. */
export interface ListedTool {
  name: string
  description?: string
  parameters: Record<string, unknown>
}

/** Most tools of a server, as many as OpenAI accepts in a request. */
export const MOST_TOOLS = 128
const MOST_PAGES = 128
const MOST_DESCRIPTION = 4096
/** Maximum characters of a schema as JSON. */
const MOST_SCHEMA = 32_768

/** Collects the tools of all pages. `onFault` gets printable faults. Rejects with a UserError if an answer is no list. */
export async function listTools(
  ask: (params: Record<string, unknown>) => Promise<Record<string, unknown>>,
  onFault: (fault: string) => void,
): Promise<ListedTool[]> {
  const tools = new Map<string, ListedTool>()
  const cursors = new Set<string>()
  for (let cursor: string | undefined; cursors.size < MOST_PAGES; ) {
    const page = await ask(cursor === undefined ? {} : { cursor })
    if (!Array.isArray(page.tools)) throw new UserError('answered tools/list without a list of tools')
    for (const listed of page.tools) {
      const tool = readTool(listed)
      if (typeof tool === 'string') onFault(tool)
      else if (!tools.has(tool.name)) tools.set(tool.name, tool)
      if (tools.size > MOST_TOOLS) {
        tools.delete([...tools.keys()][MOST_TOOLS])
        onFault(`has more than ${MOST_TOOLS} tools; the others are left out`)
        return [...tools.values()]
      }
    }
    const { nextCursor } = page
    if (typeof nextCursor !== 'string' || cursors.has(nextCursor)) break
    cursors.add(nextCursor)
    cursor = nextCursor
  }
  return [...tools.values()]
}

/** A tool, or the fault for which it is left out. */
function readTool(listed: unknown): ListedTool | string {
  if (!isObject(listed) || typeof listed.name !== 'string' || listed.name === '') return 'has a tool without a name'
  const { name, title, description, inputSchema = { type: 'object' } } = listed
  const shown = printable(name, 64)
  if (!isObject(inputSchema)) return `has a tool ${shown} whose inputSchema is no object; it is left out`
  if (JSON.stringify(inputSchema).length > MOST_SCHEMA) {
    return `has a tool ${shown} whose inputSchema has more than ${MOST_SCHEMA} characters; it is left out`
  }
  const text = [description, title].find((text) => typeof text === 'string' && text !== '') as string | undefined
  return {
    name,
    ...(text !== undefined && { description: printableText(visibleText(text.slice(0, MOST_DESCRIPTION))) }),
    parameters: visibleJson(inputSchema) as Record<string, unknown>,
  }
}

/** A hash of all that a user and a model know of a tool. */
export function formOf({ name, description, parameters }: Tool): string {
  const text = JSON.stringify([name, description, parameters])
  return createHash('sha256').update(text).digest('base64')
}
