import { UsageError } from '../../errors.js'
import { decimal, formatBytes, plural } from '../../numbers.js'
import { fit, harmless } from '../../terminal/cell-width.js'
import { pathOf } from '../input/file-names.js'
import { MAP_MODES, type MapMode } from '../map/token-map.js'
import { usageSummary } from '../map/usage-summary.js'
import type { Chat } from './chat.js'
import { loadConversation, saveConversation } from './conversation-file.js'
import { commandHelp, keyHelp } from './help.js'
import { isQuestion, listSettings, parseSetting } from './settings.js'
import { noCommand, SLASH_COMMANDS } from './slash-commands.js'

/** Columns of a question that is quoted. */
const MOST_QUOTED = 40

type Action = (chat: Chat, argument: string) => void | Promise<void>

/** Does what a typed command asks for; errors are said in the conversation. */
export async function runCommand(chat: Chat, { name, argument }: { name: string; argument: string }): Promise<void> {
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
  try {
    if (!action) throw noCommand(name)
    if (chat.options.isPlain && SLASH_COMMANDS.some((command) => command.name === name && command.draws)) {
      throw new UsageError(`/${name} needs a terminal that can move its cursor`)
    }
    await action(chat, argument)
  } catch (error) {
    chat.fail(error)
  }
  chat.changed()
}

const ACTIONS: Record<string, Action> = {
  help(chat, argument) {
    if (argument !== '' && argument !== 'keys') throw new UsageError('/help lists the commands, /help keys the keys')
    const { rows, text } = argument === '' ? commandHelp(chat) : keyHelp(chat)
    chat.say('note', text, rows)
  },
  map: (chat, argument) => changeMap(chat, argument),
  play(chat, argument) {
    if (chat.map.mode === 'off') chat.map.mode = 'newest'
    const pace = argument === '' ? undefined : paceOf(argument, '/play')
    if (!chat.play(pace)) throw new UsageError('there is no answer to show')
  },
  pace(chat, argument) {
    if (argument !== '') chat.pace = argument === 'off' ? undefined : paceOf(argument, '/pace')
    chat.say('note', chat.pace === undefined ? 'answers as fast as it goes' : `at most ${chat.pace} tokens per second`)
  },
  experts: (chat) => chat.say('note', usageSummary(chat.map.usage)),
  system(chat, argument) {
    const { conversation } = chat
    if (argument !== '') conversation.system = argument === 'off' || argument === '""' ? '' : argument
    const { system } = conversation
    chat.say('note', system === '' ? 'no system text' : `system text: ${system}`)
  },
  set(chat, argument) {
    const asks = argument === '' || isQuestion(argument)
    if (!asks) chat.settings = { ...chat.settings, ...parseSetting(argument) }
    const settings = { ...chat.options.generation, ...chat.settings }
    const [name] = argument.split(/[\s=]/)
    const listed = listSettings(settings, chat.model, name || undefined)
    chat.say('note', asks ? listed : `set ${listed}`)
  },
  reset(chat) {
    chat.reset()
    chat.say('note', 'the conversation begins again')
  },
  continue: (chat) => chat.goOn(),
  retry: (chat) => chat.retry(),
  undo(chat) {
    const text = chat.conversation.undo()
    if (text === undefined) throw new UsageError('there is nothing to take back')
    chat.map.beginAnswer()
    chat.lastAnswer = undefined
    chat.editor.set(text)
    const question = fit(harmless(text).replace(/\s+/g, ' '), MOST_QUOTED)
    chat.say('note', `taken back: "${question}" and its answer above no longer count`)
  },
  save: (chat, argument) => save(chat, argument, false),
  'save!': (chat, argument) => save(chat, argument, true),
  load: (chat, argument) =>
    working(chat, async () => {
      await load(chat, fileOf(argument, 'load'))
    }),
  history(chat, argument) {
    if (argument !== 'off') throw new UsageError('/history takes off')
    chat.options.history.stopKeeping()
    chat.say('note', 'nothing of what you type is kept from now on')
  },
  stats: async (chat) => chat.say('note', await stats(chat)),
  model: (chat, argument) =>
    working(chat, async () => {
      if (argument === '') throw new UsageError('name a model: /model nano')
      const model = await chat.options.loadModel(argument, (line) => chat.say('note', `warning: ${line}`))
      const { model: old } = chat
      chat.use(model)
      await old.dispose()
      await chat.refreshMemory()
      chat.say('note', `continuing with ${model.name}, ${model.info.quant}`)
    }),
  exit: (chat) => chat.end(),
}

/** Goes on with a saved conversation. */
export async function load(chat: Chat, path: string): Promise<void> {
  const { otherModel, ...state } = await loadConversation(path, chat.model)
  await chat.conversation.restore(state)
  chat.map.reset()
  chat.lastAnswer = undefined
  for (const { role, content } of state.messages) chat.say(role === 'user' ? 'user' : 'answer', content)
  const kept = `${chat.conversation.length} tokens in the cache`
  const again = `saved with ${otherModel}, so that the turns are read again with your next message`
  chat.say('note', `loaded ${path}: ${otherModel === undefined ? kept : again}`)
}

function save(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  return working(chat, async () => {
    const path = fileOf(argument, 'save')
    await saveConversation(path, await chat.conversation.save(), chat.model, { replaces })
    chat.say('note', `saved in ${path}`)
  })
}

function paceOf(text: string, command: string): number {
  const pace = decimal(text)
  if (!(pace >= 0.1 && pace <= 1000)) throw new UsageError(`${command} takes tokens per second, from 0.1 to 1000`)
  return pace
}

/** Does what takes its time; meanwhile nothing else begins. */
export async function working(chat: Chat, work: () => Promise<void>): Promise<void> {
  chat.state = 'working'
  chat.changed()
  try {
    await work()
  } finally {
    if (chat.state === 'working') chat.state = 'idle'
    chat.changed()
  }
}

function changeMap({ map }: Chat, argument: string): void {
  const [mode, layer] = argument.split(/\s+/)
  if (argument === '') return map.nextMode()
  const number = layer === undefined ? map.layer : decimal(layer)
  const isMode = (MAP_MODES as readonly string[]).includes(mode)
  if (!isMode || !Number.isInteger(number) || number < 0 || number >= map.layers) {
    throw new UsageError(`/map takes newest, usage, layer N (0 to ${map.layers - 1}) or off`)
  }
  map.mode = mode as MapMode
  map.layer = number
}

function fileOf(argument: string, command: string): string {
  if (argument === '') throw new UsageError(`name a file: /${command} talk.molm`)
  return pathOf(argument)
}

async function stats({ model, conversation, lastAnswer }: Chat): Promise<string> {
  const { weightsBytes, cacheBytes, expertHits, expertMisses, meanAttentionDepth } = await model.stats()
  const speed = lastAnswer?.tokensPerSecond
  return [
    `${model.name}, ${model.info.quant}, ${plural(model.threads, 'thread')}, ${model.tier} kernels`,
    `last answer: ${speed === undefined ? 'too short for a speed' : `${speed.toFixed(1)} tokens/s`}`,
    `tokens in the cache: ${conversation.length} (${formatBytes(cacheBytes)})`,
    `weights in memory: ${formatBytes(weightsBytes)}; process: ${formatBytes(process.memoryUsage.rss())}`,
    `experts found in memory: ${expertHits}, read: ${expertMisses}`,
    ...(meanAttentionDepth === undefined
      ? []
      : [`keys that attention visits for a token, on average: ${meanAttentionDepth.toFixed(1)}`]),
  ].join('\n')
}
