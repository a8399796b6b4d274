import type { ToolCall } from '../../../api/text.js'
import { AllowedTools, changeInWords } from '../../../chat/tools/allowed-tools.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'
import { printable, printableJson } from '../../../ground/printable.js'
import { askUser } from '../../io/ask-user.js'
import { note } from '../../io/output.js'

/** Maximum characters of the arguments shown for a call that is allowed already. One that is not is shown whole. */
const LONGEST = 200

export interface PermissionOptions {
  /** Whether a tool may run without a question. */
  isAllowed(tool: string): boolean
  /** Show calls only if they are asked for. */
  quiet?: boolean
  signal: AbortSignal
}

/** Shows calls of tools on stderr and asks the user for each that is not allowed already. */
export class CallPermission {
  private readonly allowed: AllowedTools

  constructor(private readonly options: PermissionOptions) {
    this.allowed = new AllowedTools(options.isAllowed)
  }

  /** Resolves with true, or with false or a reason for the model if the call must not run. */
  async allow(call: ToolCall, tool: OfferedTool): Promise<boolean | string> {
    const { quiet, signal } = this.options
    const name = printable(call.name)
    if (this.allowed.allows(tool)) {
      if (!quiet) note(`calls ${shown(call, LONGEST)}`)
      return true
    }
    const change = changeInWords(tool)
    if (change !== undefined) note(change)
    note(`the model wants to call ${shown(call)}`)
    for (;;) {
      const typed = await askUser(`molm: run ${name}? [y]es, [n]o, [a]lways: `, signal)
      if (typed === undefined) {
        const way =
          change === undefined ? `--yes ${name} allows it` : '--yes allows a tool only as it was first offered'
        note(`not run, since there is no terminal to ask for permission; ${way}`)
        return change === undefined ? 'there is no terminal to ask on' : 'the tool has changed'
      }
      const reply = typed.trim().toLowerCase()
      if (['', 'n', 'no'].includes(reply)) return false
      if (['a', 'always'].includes(reply)) this.allowed.allow(tool)
      if (['y', 'yes', 'a', 'always'].includes(reply)) return true
    }
  }
}

/** A call on one line: its name and the arguments as JSON, cut after `most` characters. */
function shown({ name, arguments: args }: ToolCall, most = Infinity): string {
  const json = printableJson(args)
  const cut = json.length > most ? `${json.slice(0, most)}... (${json.length} characters)` : json
  return `${printable(name)} ${cut}`
}
