import type { OfferedTool } from '../../engine/session/run-calls.js'
import { printable, printableJson } from '../../ground/printable.js'
import { formOf } from './mcp/tool-list.js'

/** Maximum characters of a description that is shown. */
const MOST_DESCRIPTION = 500

/** Tools that run without a question: allowed by name, or by the user since then. */
export class AllowedTools {
  private readonly forms = new Set<string>()

  constructor(private readonly isNamed: (name: string) => boolean) {}

  /** Whether a tool is allowed as it is now. Names are of tools as first offered. */
  allows(tool: OfferedTool): boolean {
    return (this.isNamed(tool.name) && !tool.isChanged) || this.forms.has(formOf(tool))
  }

  allow(tool: OfferedTool): void {
    this.forms.add(formOf(tool))
  }
}

/** A sentence on a tool that has changed; undefined if it has not. */
export function changeInWords({ name, description = '', isChanged }: OfferedTool): string | undefined {
  if (!isChanged) return undefined
  const json = printableJson(description)
  const now = json.length > MOST_DESCRIPTION ? `${json.slice(0, MOST_DESCRIPTION)}…` : json
  return `${printable(name)} has changed its description or parameters since it was first offered; the description is now ${now}`
}
