import { type Command, InvalidArgumentError } from 'commander'
import type { Tool } from '../../api/chat.js'
import type { LoadOptions, Model } from '../../api/model.js'
import { UsageError } from '../../errors.js'
import { checkLanguageModel } from '../../evaluation/check-language-model.js'
import { expandHome } from '../../files/home.js'
import { optionsIn } from '../../generation-options.js'
import { decimal } from '../../numbers.js'
import { colourDepth } from '../../terminal/colours.js'
import { interruptSignal } from '../io/interrupt.js'
import { LoadingTerminal } from '../io/loading-terminal.js'
import { type AskFlags, addAskOptions, readAskOptions } from '../parsing/ask-options.js'
import {
  addConversationOptions,
  type ConversationOptions,
  readConversation,
  readsStdin,
} from '../parsing/conversation-options.js'
import { addMaskOption, maskFor, readMaskFiles } from '../parsing/mask-option.js'
import { addMcpOptions, type McpFlags, readMcpOptions } from '../parsing/mcp-options.js'
import {
  addGenerationOptions,
  addModelOptions,
  addOutputOptions,
  type GenerationOptions,
  loadOptions,
  type ModelOptions,
  modelName,
} from '../parsing/options.js'
import { openServers } from './mcp-servers.js'

export interface ChatOptions extends ModelOptions, GenerationOptions, ConversationOptions, AskFlags, McpFlags {
  history?: boolean
  pace?: number
  load?: string
  atlas?: string
}

export function define(command: Command): void {
  command
    .description(
      'Starts a conversation in the terminal, with a live map of the experts that each token activates. Type /help in it. ' +
        'The turns of a base model, which has no chat template, are plain text: User: and Assistant:.',
    )
    .option('--no-history', 'do not save what you type, as with MOLM_HISTORY=0')
    .option('--pace <n>', 'maximum tokens per second, to follow the map', parsePace)
    .option('--load <file>', 'resume a conversation saved with /save')
    .option('--atlas <file>', 'names of the experts (default: atlas.json beside the model)', expandHome)
    .addHelpText('after', EXAMPLES)
    .action(chat)
  addConversationOptions(command, { takesStdin: false })
  addMcpOptions(addAskOptions(command))
  addGenerationOptions(command)
  addMaskOption(addModelOptions(command))
  addOutputOptions(command)
}

const EXAMPLES = `
What you type is saved in chat-history.jsonl in MOLM_HOME (docs/STORAGE.md), for
Up and Down in later conversations.

Examples:
  molm chat
  molm chat -m ibm-research/MoLM-350M-4B --temperature 0.7`

async function chat(options: ChatOptions): Promise<void> {
  if (readsStdin(options)) {
    throw new UsageError('molm chat reads your questions from stdin, so - cannot name a file; give a path')
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError('molm chat needs a terminal for input and output; in a pipe or a script, use molm run')
  }
  const beginning = { ...(await readConversation(options)), asking: await readAskOptions(options) }
  const { schema, grammar, regex } = beginning.asking
  if (options.load !== undefined) await checkSaved(options.load)
  const masks = await readMaskFiles(options.mask)
  const mcp = await readMcpOptions(options)
  // React reads it on import. Its development build is slow.
  process.env.NODE_ENV ??= 'production'
  const name = modelName(options.model)
  const terminal = new LoadingTerminal(name, options)
  const { signal } = terminal
  try {
    const { startChat } = await import('../../tui/start-chat.js')
    const { loadAtlas } = await import('../../experts/load-atlas.js')
    const warn = (message: string) => options.quiet || terminal.note(`warning: ${message}`)
    const load = (name: string, onWarning?: (message: string) => void) =>
      loadLanguageModel(name, { ...loadOptions(options), onWarning, signal })
    const notes = new ToolNotes((note) => terminal.note(note))
    const connections = mcp && (await openServers(mcp, { signal, onNote: notes.add }))
    try {
      const model = await load(name, warn)
      await orDispose(model, () => model.checkConstraint({ schema, grammar, regex }))
      if (connections) await orDispose(model, () => checkTools(model, connections.tools))
      const mask = await orDispose(model, () => maskFor(masks, model.config))
      const atlas = await orDispose(model, () => loadAtlas(model, options.atlas, warn))
      terminal.clear()
      const { interrupted } = await startChat(model, {
        depth: options.color === false ? 'none' : colourDepth(process.stdout),
        generation: optionsIn(options),
        beginning,
        loadModel: load,
        readSchema: async (text) => (await readAskOptions({ schema: text })).schema,
        mask,
        atlas,
        pace: options.pace,
        load: options.load,
        keepsHistory: options.history !== false && process.env.MOLM_HISTORY !== '0',
        typed: terminal.typed,
        tools: connections && (() => connections.tools),
        isAllowed: mcp?.isAllowed,
        onNotes: (say) => notes.passTo(say),
        signal,
      })
      interruptSignal().throwIfAborted()
      if (interrupted) process.exitCode = 130
    } finally {
      await connections?.close()
    }
  } catch (error) {
    if (!terminal.hasLeft) throw error
  } finally {
    terminal.leave()
  }
}

/** Rejects with a UserError if the model cannot call tools, which would refuse every question. */
async function checkTools({ chatTemplate: template, name }: Model, tools: readonly Tool[]): Promise<void> {
  const { writeChat } = await import('../../text/chat-frame.js')
  await writeChat([{ role: 'user', content: 'a question' }], { template, model: name, tools })
}

/** Passes the notes of tools to the chat, once there is one. */
class ToolNotes {
  constructor(private say: (note: string) => void) {}

  readonly add = (note: string) => this.say(note)

  passTo(say: (note: string) => void): void {
    this.say = say
  }
}

async function checkSaved(typed: string): Promise<void> {
  const [{ checkConversation }, { pathOf }] = await Promise.all([
    import('../../tui/conversation/saved-conversation.js'),
    import('../../tui/input/file-names.js'),
  ])
  await checkConversation(pathOf(typed))
}

/** Loads a model. Rejects with a UserError if it cannot chat: it must generate text and have a tokenizer. */
async function loadLanguageModel(name: string, options: LoadOptions): Promise<Model> {
  const { loadModel } = await import('../../library/load-model.js')
  const model = await loadModel(name, options)
  await orDispose(model, () => {
    checkLanguageModel(model)
    return model.tokenizer // throws if there is none
  })
  return model
}

/** Looks at a model; disposes of it if that fails. */
async function orDispose<T>(model: Model, look: () => T | Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    await model.dispose()
    throw error
  }
}

function parsePace(text: string): number {
  const pace = decimal(text)
  if (pace >= 0.1 && pace <= 1000) return pace
  throw new InvalidArgumentError('It must be a number from 0.1 to 1000.')
}
