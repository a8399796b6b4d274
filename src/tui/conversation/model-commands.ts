import { loadAtlas } from '../../experts/load-atlas.js'
import { listModels } from '../../library/installed-models.js'
import { modelWord } from '../../library/model-word.js'
import { formatBytes } from '../../numbers.js'
import { alignColumns } from '../../terminal/table.js'
import type { Chat } from './chat.js'

/** Lists the models that have a name, or changes the model. */
export const MODEL_ACTIONS = {
  model: (chat: Chat, name: string) => chat.work(() => (name === '' ? list(chat) : change(chat, name))),
}

/** The models of `molm list`, with a sign at the one that answers; a model without a name is the first. */
async function list(chat: Chat): Promise<void> {
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

async function change(chat: Chat, name: string): Promise<void> {
  const warn = (line: string) => chat.say('note', `warning: ${line}`)
  const model = await chat.options.loadModel(name, warn)
  const atlas = await loadAtlas(model, undefined, warn)
  const { model: old } = chat
  const { mask } = chat.conversation
  chat.answers.setModel(model, atlas)
  await old.dispose()
  await chat.answers.refreshMemory()
  chat.say('note', `continuing with ${model.name}, ${model.info.quant}`)
  if (chat.answers.tools.available.length > 0 && !chat.conversation.callsTools)
    chat.say('note', `${model.name} cannot use tools: it answers without them`)
  if (mask && !chat.conversation.mask) chat.say('note', `no experts are switched off: ${model.name} has others`)
}
