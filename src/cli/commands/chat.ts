import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { optionsIn } from '../../api/generation-options.js'
import type { LoadOptions, Model } from '../../api/model.js'
import type { Conversations } from '../../chat/conversations/conversations.js'
import type { KeptConversation } from '../../chat/conversations/kept-conversation.js'
import { UsageError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import { colourDepth } from '../../ground/output/colours.js'
import { checkLanguageModel } from '../../insight/texts/check-language-model.js'
import type { ChatBeginning } from '../../terminal/conversation/options.js'
import { interruptSignal } from '../io/interrupt.js'
import { LoadingTerminal } from '../io/loading-terminal.js'
import { type AskFlags, addAskOptions, readAskOptions } from '../parsing/ask-options.js'
import {
  addConversationOptions,
  type ConversationOptions,
  readConversation,
  readsStdin,
} from '../parsing/conversation-options.js'
import { defaults } from '../parsing/defaults.js'
import {
  addKeepingOptions,
  checkContinue,
  type KeepingFlags,
  keepsHistory,
  keptCacheBytes,
} from '../parsing/keeping-options.js'
import { addMaskOption, maskFor, readMaskFiles } from '../parsing/mask-option.js'
import { addMcpOptions, type McpFlags, type McpOptions, readMcpOptions } from '../parsing/mcp-options.js'
import {
  addCacheType,
  addGenerationOptions,
  addModelOptions,
  addOutputOptions,
  addPresetOption,
  FIRST,
  type GenerationOptions,
  loadOptions,
  type ModelOptions,
  modelName,
} from '../parsing/options.js'
import { addPriority } from '../parsing/priority-option.js'
import { type Continued, latestOf, modelToContinue, openContinued } from '../setup/continued.js'
import { openServers } from '../setup/mcp-servers.js'
import { packFirst } from '../setup/pack-first.js'

export interface ChatOptions
  extends ModelOptions,
    GenerationOptions,
    ConversationOptions,
    AskFlags,
    McpFlags,
    KeepingFlags {
  /** Name or id of a conversation to continue. */
  resume?: string
  /** Print the kept conversations. */
  list?: boolean
  delete?: string
  /** Print them as JSON. */
  json?: boolean
  atlas?: string
}

export function define(command: Command): void {
  command
    .description(
      'Holds a conversation in the terminal, with a live map of the experts that each token wakes. Type /help in it. ' +
        `Conversations are kept on this computer: -c continues the latest.\n${EXAMPLES}`,
    )
    .argument('[message...]', 'the first message')
    .addHelpText('after', NOTES)
    .action(chat)
  addModelOptions(command)
  addGenerationOptions(command)
  addConversationOptions(command, { takesStdin: false })
  addKeepingOptions(command, 'the conversation, nor what you type')
    .optionsGroup(FIRST)
    .option('--resume <name>', 'continue the conversation of this name or id')
    .option('--list', 'list the conversations')
    .optionsGroup('Conversation:')
    .option('--delete <name>', 'delete the conversation of this name or id')
    .option('--json', 'with --list: print one array')
    .option('--atlas <file>', 'names of the experts (default: atlas.json beside the model)', expandHome)
  addMcpOptions(addAskOptions(command))
  addMaskOption(addCacheType(addPriority(addPresetOption(command.optionsGroup('Model:')))))
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm chat
  molm chat "What is a lantern?"
  molm chat -c
  molm chat --resume lanterns
  molm chat -m ibm-granite/granite-3.1-1b-a400m-instruct --temperature 0.7`

const NOTES = `
A base model has no chat template: its turns are plain text, User: and
Assistant:.

Each conversation is a file in conversations in MOLM_HOME (docs/MODELS.md).
What you type is also saved in chat-history.jsonl, for Up and Down later.
--list prints the end of each id, the time or day of its last change, model and
title; piped, id, time, messages, model and title, separated by tabs. --resume
and --delete take the id or its end, the name of /rename, or the beginning of
one.`

async function chat(words: string[], options: ChatOptions): Promise<void> {
  checkCombinations(words, options)
  if (options.list) {
    const { listConversations } = await import('./conversation-list.js')
    return listConversations(options)
  }
  if (options.delete !== undefined) {
    const { deleteConversation } = await import('./conversation-list.js')
    return deleteConversation(options.delete, options)
  }
  if (readsStdin(options)) {
    throw new UsageError('molm chat reads your questions from stdin, so - cannot name a file; give a path')
  }
  const firstMessage = await messageIn(words)
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    const other = options.continue ? 'molm run -c' : 'molm run'
    throw new UsageError(`molm chat needs a terminal for input and output; in a pipe or a script, use ${other}`)
  }
  const beginning = { ...(await readConversation(options)), asking: await readAskOptions(options) }
  const masks = await readMaskFiles(options)
  const mcp = await readMcpOptions(options)
  const { Conversations } = await import('../../chat/conversations/conversations.js')
  const conversations = Conversations.at()
  const continued = await continuedBy(options, conversations)
  try {
    if (!continued) return await hold({ firstMessage, beginning, masks, mcp, conversations }, options)
    const { state, kept } = continued
    const model = await modelToContinue(options.model, state, options)
    // Without its file, it is a beginning like any other.
    const start = kept
      ? beginning
      : { ...beginning, messages: state.messages, system: beginning.system || state.system, mask: state.mask }
    await hold({ firstMessage, beginning: start, masks, mcp, conversations, kept }, { ...options, model })
  } finally {
    await continued?.kept?.close()
  }
}

/** A conversation to hold at the terminal. */
interface Beginning {
  firstMessage?: string
  beginning: ChatBeginning
  masks: Awaited<ReturnType<typeof readMaskFiles>>
  mcp?: McpOptions
  conversations: Conversations
  /** The conversation to continue. */
  kept?: KeptConversation
}

async function hold(
  { firstMessage, beginning, masks, mcp, conversations, kept }: Beginning,
  options: ChatOptions,
): Promise<void> {
  // React reads it on import. Its development build is slow.
  process.env.NODE_ENV ??= 'production'
  const { schema, grammar, regex } = beginning.asking ?? {}
  const keeps = keepsHistory(options)
  const name = modelName(options.model)
  await packFirst(options.model, options)
  const terminal = new LoadingTerminal(name, options)
  const { signal } = terminal
  try {
    const { startChat } = await import('../../terminal/start-chat.js')
    const { loadAtlas } = await import('../../insight/atlas/load-atlas.js')
    const warn = (message: string) => options.quiet || terminal.note(`warning: ${message}`)
    const load = (name: string, onWarning?: (message: string) => void) =>
      loadLanguageModel(name, { ...loadOptions(options), onWarning, signal })
    // The chat takes the notes of tools, once there is one.
    let say = (note: string) => terminal.note(note)
    const onNote = (note: string) => say(note)
    const model = await load(name, warn)
    await orDispose(model, () => model.checkConstraint({ schema, grammar, regex }))
    const mask = await orDispose(model, () => maskFor(masks, model.config))
    const atlas = await orDispose(model, () => loadAtlas(model, options.atlas, warn))
    const connections = mcp && (await orDispose(model, () => openServers(model, mcp, { signal, onNote })))
    try {
      terminal.clear()
      const { interrupted } = await startChat(model, {
        theme: defaults().theme,
        depth: options.color === false ? 'none' : colourDepth(process.stdout),
        generation: optionsIn(options),
        beginning,
        conversations: keeps ? conversations : undefined,
        conversation: kept,
        keptCacheBytes: keptCacheBytes(),
        firstMessage,
        loadModel: load,
        readSchema: async (text) => (await readAskOptions({ schema: text })).schema,
        mask,
        atlas,
        keepsHistory: keeps,
        terminal: terminal.terminal,
        tools: connections && (() => connections.tools),
        isAllowed: mcp?.isAllowed,
        onNotes: (chatSay) => {
          say = chatSay
        },
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

function checkCombinations(words: readonly string[], options: ChatOptions): void {
  const { continue: continues, resume, list, delete: deleted, json, messages } = options
  checkContinue(options, words)
  if (json && !list) throw new UsageError('--json is for --list; in a script, use molm run --json')
  if ((list || deleted !== undefined) && (continues || resume !== undefined || words.length > 0)) {
    const does = list ? '--list only prints the conversations' : '--delete only deletes a conversation'
    throw new UsageError(`${does}; it takes no message, no -c and no --resume`)
  }
  if (list && deleted !== undefined) throw new UsageError('--list and --delete exclude each other')
  if (continues && resume !== undefined)
    throw new UsageError('-c continues the latest conversation; leave out --resume')
  const flag = continues ? '-c' : resume === undefined ? undefined : '--resume'
  if (flag !== undefined && messages !== undefined)
    throw new UsageError(`${flag} has messages to begin with; leave out --messages`)
}

/** The first message, unless it is a model in the wrong place. A word with a slash may also be a command. */
async function messageIn(words: readonly string[]): Promise<string | undefined> {
  if (words.length === 0) return undefined
  const isCommand = words[0].startsWith('/') && !existsSync(words[0])
  if (words.length === 1 && /^\S+$/.test(words[0]) && !isCommand) {
    const { modelError } = await import('../parsing/wrong-words.js')
    const error = await modelError('chat', words[0])
    if (error) throw error
  }
  return words.join(' ')
}

async function continuedBy(options: ChatOptions, conversations: Conversations): Promise<Continued | undefined> {
  const { continue: continues, resume } = options
  if (resume !== undefined) return openContinued(conversations, await conversations.find(resume), options)
  return continues ? openContinued(conversations, await latestOf(conversations), options) : undefined
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
