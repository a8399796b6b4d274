import { UsageError } from '../../../ground/errors.js'
import { decimal, formatBytes, plural } from '../../../ground/numbers.js'
import { fit, harmless } from '../../../ground/output/cell-width.js'
import { alignColumns } from '../../../ground/output/table.js'
import { loadAtlas } from '../../../insight/atlas/load-atlas.js'
import { modelWord } from '../../../library/finding/model-words.js'
import { listModels } from '../../../library/installed-models.js'
import { editorOf, editText } from '../../input/external-editor.js'
import { MAP_MODES, type MapMode, type TokenMap } from '../../map/token-map.js'
import { ask, resume, retry, undo } from '../answers/ask.js'
import { readAgain } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'
import { type CommandName, commandOf, noCommand, parseSlash } from '../slash-commands.js'
import { type AnswerSettings, isQuestion, listSettings, parseSetting } from '../state/settings.js'
import { ASK_ACTIONS } from './ask-commands.js'
import { CONVERSATION_ACTIONS } from './conversation-commands.js'
import { copy } from './copy.js'
import { EXPERT_ACTIONS } from './expert-commands.js'
import { usageSummary } from './expert-profile.js'
import { helpOn } from './help.js'
import { readFile } from './read-file.js'

const MOST_QUOTED = 40

type Action = (chat: Chat, argument: string) => void | Promise<void>

/** Runs a typed command; errors are shown in the conversation. */
export async function runCommand(chat: Chat, { name, argument }: { name: string; argument: string }): Promise<void> {
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name as CommandName] : undefined
  try {
    if (!action) throw noCommand(name)
    if (chat.options.isPlain && commandOf(name)?.draws) {
      throw new UsageError(`/${name} needs a terminal that can move its cursor`)
    }
    await action(chat, argument)
  } catch (error) {
    chat.fail(error)
  }
  chat.changed()
}

const ACTIONS: Record<CommandName, Action> = {
  ...EXPERT_ACTIONS,
  ...ASK_ACTIONS,
  ...CONVERSATION_ACTIONS,
  model: (chat, name) => chat.work(() => (name === '' ? listNames(chat) : changeModel(chat, name))),
  help(chat, argument) {
    const { isPlain, history } = chat.options
    const hasTemplate = chat.model.chatTemplate !== undefined
    const { rows, text } = helpOn(argument, { hasTemplate, isPlain, historyPath: history.path })
    chat.say('note', text, { rows })
  },
  map: ({ map }, argument) => changeMap(map, argument),
  play({ map, replay }) {
    if (map.mode === 'off') map.mode = 'newest'
    if (!replay.start(map)) throw new UsageError('there is no answer to replay')
  },
  experts: (chat) => chat.say('note', usageSummary(chat.map.usage, chat.map.notes)),
  system(chat, argument) {
    const { parts } = chat.conversation
    if (argument !== '') {
      parts.system = argument === 'off' || argument === '""' ? '' : argument
      chat.keep('changed')
    }
    chat.say('note', parts.system === '' ? 'no system text' : `system text: ${parts.system}`)
  },
  set(chat, argument) {
    const [, thinkName, how = ''] = /^(think|think-budget)(?:[\s=]+(.*))?$/s.exec(argument) ?? []
    if (thinkName) return ASK_ACTIONS.think(chat, thinkName === 'think' || how === '' ? how : `budget ${how}`)
    if (/^markdown(?=[\s=]|$)/.test(argument)) return setMarkdown(chat, argument)
    const asks = argument === '' || isQuestion(argument)
    const { settings } = chat
    if (!asks) settings.generation = { ...settings.generation, ...parseSetting(argument) }
    const [name] = argument.split(/[\s=]/)
    const listed = listSettings(settings.generation, chat.model, name || undefined)
    const all = argument === '' ? `${listed}\nmarkdown ${inWords(settings)}` : listed
    chat.say('note', asks ? all : `set ${listed}`)
  },
  async reset(chat) {
    await chat.work(() => chat.keeper.leave(chat.conversation))
    chat.reset()
    chat.say('note', 'the conversation begins again')
  },
  continue: resume,
  retry,
  undo(chat) {
    const question = undo(chat)
    if (question === undefined) throw new UsageError('there is nothing to take back')
    chat.input.set(question)
    const quoted = fit(harmless(question).replace(/\s+/g, ' '), MOST_QUOTED)
    chat.say('note', `taken back: "${quoted}" and its answer above no longer count`)
  },
  copy: (chat, argument) => copy(chat, argument),
  read: readFile,
  edit,
  stats: async (chat) => chat.say('note', await stats(chat)),
  exit: (chat) => chat.end(),
}

function setMarkdown(chat: Chat, argument: string): void {
  const [, value = ''] = /^markdown[\s=]*(.*)$/s.exec(argument) ?? []
  if (!['', 'on', 'off'].includes(value)) throw new UsageError('markdown must be on or off')
  const { settings } = chat
  if (value !== '') settings.drawsMarkdown = value === 'on'
  chat.say('note', `${value === '' ? '' : 'set '}markdown ${inWords(settings)}`)
}

function inWords({ drawsMarkdown }: AnswerSettings): string {
  return drawsMarkdown ? 'on' : 'off'
}

function changeMap(map: TokenMap, argument: string): void {
  const [mode, layer] = argument.split(/\s+/)
  if (argument === '') return map.nextMode()
  const number = layer === undefined ? map.layer : decimal(layer)
  const isMode = (MAP_MODES as readonly string[]).includes(mode)
  if (!isMode || !Number.isInteger(number) || number < 0 || number >= map.layers) {
    throw new UsageError(`/map takes newest, usage, layer N (0 to ${map.layers - 1}) or off`)
  }
  map.mode = mode as MapMode
  map.setLayer(number)
}

async function stats({ model, conversation, latest }: Chat): Promise<string> {
  const speed = latest?.answer.tokensPerSecond
  const { weightsBytes, cacheBytes, expertHits, expertMisses, meanAttentionDepth } = await model.stats()
  return [
    `${model.name}, ${model.info.quant}, ${plural(model.threads, 'thread')}, ${model.tier} kernels`,
    `last answer: ${speed === undefined ? 'too short for a speed' : `${speed.toFixed(1)} tokens/s`}`,
    `tokens in the cache: ${conversation.length} (${formatBytes(cacheBytes)}, ${model.cacheType})`,
    `weights in memory: ${formatBytes(weightsBytes)}; process: ${formatBytes(process.memoryUsage.rss())}`,
    `experts found in memory: ${expertHits}, read: ${expertMisses}`,
    ...(meanAttentionDepth === undefined
      ? []
      : [`keys that attention visits per token, on average: ${meanAttentionDepth.toFixed(1)}`]),
  ].join('\n')
}

/** The models of `molm list`, with a sign at the one that answers; a model without a name is the first. */
async function listNames(chat: Chat): Promise<void> {
  const { model } = chat
  const models = await listModels()
  const word = modelWord(model)
  const isCurrent = (name: string) => name === word || name === model.name
  const rows = models.map(({ name, quant, state, bytes }) => {
    return [isCurrent(name) ? '›' : '', name, quant ?? state, formatBytes(bytes)]
  })
  const isListed = models.some(({ name }) => isCurrent(name))
  const own = isListed ? [] : [['›', word, model.info.quant, formatBytes(model.info.bytes)]]
  const table = alignColumns([...own, ...rows], [3]).replaceAll(/^ {2}/gm, '')
  chat.say('note', `${table}/model NAME changes to another; molm pull fetches more`)
}

async function changeModel(chat: Chat, name: string): Promise<void> {
  const warn = (line: string) => chat.say('note', `warning: ${line}`)
  const model = await chat.options.loadModel(name, warn)
  const atlas = await loadAtlas(model, undefined, warn)
  const { model: old } = chat
  const { mask } = chat.conversation
  chat.setModel(model, atlas)
  await old.dispose()
  await chat.refreshMemory()
  chat.say('note', `continuing with ${model.name}, ${model.info.quant}`)
  if (chat.tools().length > 0 && !chat.conversation.callsTools)
    chat.say('note', `${model.name} cannot use tools: it answers without them`)
  if (mask && !chat.conversation.mask) chat.say('note', `no experts are switched off: ${model.name} has others`)
}

/** Lets the user edit a text in an editor; what comes back is the input. A failure changes nothing. */
export async function edit(chat: Chat, text: string): Promise<void> {
  const { terminal } = chat
  const leaving = new AbortController()
  // Immediately: after a signal, nothing else may run.
  const unsubscribe = chat.subscribe(() => chat.state === 'ended' && leaving.abort())
  try {
    if (!terminal) throw new UsageError('an editor needs a terminal that can move its cursor')
    const editor = editorOf(process.env)
    chat.input.set(await terminal.lend(() => editText(text, editor, leaving.signal)))
  } catch (error) {
    chat.fail(error)
  } finally {
    unsubscribe()
  }
  chat.changed()
}

/** Sends a line. If the chat is busy, queues it, unless it is a command that need not wait. */
export async function submit(chat: Chat, line: string): Promise<void> {
  const command = parseSlash(line)
  if (chat.state !== 'idle' && !(command && commandOf(command.name)?.anyTime)) return void chat.queue.push(line)
  if (command) chat.say('command', line)
  await thenQueue(chat, () => (command ? runCommand(chat, command) : ask(chat, line)))
}

/** Shows the tokens of a conversation that was loaded on the map, and begins to walk over them. */
export function walkOverAnswers(chat: Chat): Promise<void> {
  return thenQueue(chat, async () => {
    if ((await readAgain(chat)) && chat.input.text === '') chat.map.walk(-1)
    chat.changed()
  })
}

/** Does work, and afterwards sends the lines that queued up meanwhile. */
export async function thenQueue(chat: Chat, work: () => Promise<unknown>): Promise<void> {
  await work()
  const next = chat.state === 'idle' ? chat.queue.shift() : undefined
  if (next !== undefined) await submit(chat, next)
}
