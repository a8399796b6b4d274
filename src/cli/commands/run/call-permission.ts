import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ReadStream } from 'node:tty'
import type { ToolCall } from '../../../api/text.js'
import { AllowedTools, changeInWords } from '../../../chat/tools/allowed-tools.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'
import { printable, printableJson } from '../../../ground/printable.js'
import { note, writeErr } from '../../io/output.js'

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

/** Milliseconds before a question, in order to drop lines that were typed earlier. */
const EARLIER = 100

/**
 * Asks the user a question on the terminal and resolves with the line typed; empty after Ctrl-D. A line that was typed
 * before the question is no answer to it. Stdin may be a pipe: the answer comes from the terminal. Resolves with undefined if the user cannot see the question or cannot answer. Rejects
 * with the reason of the signal when aborted.
 */
async function askUser(question: string, signal: AbortSignal): Promise<string | undefined> {
  const input = process.stderr.isTTY ? openTerminal() : undefined
  if (!input) return undefined
  // The terminal echoes and edits the line, and turns Ctrl-C into a signal.
  const lines = createInterface({ input, terminal: false })
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = () => reject(signal.reason)
      if (signal.aborted) return stop()
      signal.addEventListener('abort', stop, { once: true })
      const asking = setTimeout(() => {
        lines.once('line', resolve)
        writeErr(question)
      }, EARLIER)
      lines.once('close', () => {
        clearTimeout(asking)
        signal.removeEventListener('abort', stop)
        resolve('')
      })
    })
  } finally {
    lines.close()
    input.destroy()
  }
}

/** The keyboard of the terminal; undefined without one. */
function openTerminal(): ReadStream | undefined {
  try {
    const path = process.platform === 'win32' ? '\\\\.\\CONIN$' : '/dev/tty'
    return new ReadStream(openSync(path, 'r'))
  } catch {
    return undefined
  }
}
