import type { Key, KeyName } from '../../input/keys.js'
import { STRIDES } from '../../map/steps.js'
import { isUnread } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'
import { openThoughts } from './ask-commands.js'
import { edit, submit, thenQueue, walkOverAnswers } from './commands.js'
import { steerExpert, switchExpert } from './expert-commands.js'
import { showLens } from './lens.js'
import { showMatters } from './matters.js'

export function press(chat: Chat, key: Key): void {
  if (chat.state === 'ended') return
  chat.replay.stop()
  // The second Ctrl-C in a row leaves.
  if (key.kind !== 'key' || key.name !== 'ctrl-c') chat.isLeaving = false
  if (chat.input.search) chat.input.pressInSearch(key)
  else if (key.kind === 'key') pressKey(chat, key.name)
  else if (key.kind === 'paste' || !actsAsKey(chat, key.text)) {
    chat.map.select(undefined)
    if (key.kind === 'paste') chat.pasted.push(key.text)
    chat.input.insert(key.text)
  }
  chat.changed()
}

function pressKey(chat: Chat, name: KeyName): void {
  const { input, placeholder } = chat
  if (name === 'ctrl-c') return chat.interrupt()
  if (name === 'ctrl-d' && input.text === '') return chat.end()
  if (name === 'thoughts') return openThoughts(chat)
  if (name === 'edit') return void edit(chat, input.text)
  if (name === 'tab' && placeholder !== undefined) return input.set(placeholder)
  if (isWalking(chat) && (name === 'tab' || name === 'shift-tab')) {
    return void chat.map.moveCursor(name === 'tab' ? 1 : -1, 'chosen')
  }
  const isChoosing = input.chosen !== undefined
  if (input.complete(name)) return
  if (name === 'escape') {
    if (chat.map.selected !== undefined) chat.map.select(undefined)
    else if (!isChoosing) chat.stop()
  } else if (name === 'enter') enter(chat)
  else if (!walk(chat, name)) input.press(name === 'ctrl-d' ? 'delete' : name)
}

/** Whether the user walks over tokens, and keys act on the map. */
function isWalking({ input, map }: Chat): boolean {
  return input.text === '' && map.mode !== 'off' && map.selected !== undefined
}

/** Keys of a walk that act on the expert under the cursor, or its layer. */
const WALK_ACTIONS: Record<string, (chat: Chat) => Promise<void>> = {
  x: switchExpert,
  l: showLens,
  m: showMatters,
  '+': (chat) => steerExpert(chat, 1),
  '-': (chat) => steerExpert(chat, -1),
}

/** Answers a question about a tool; in a walk, acts on experts, and [ and ] move the cursor. False for other text. */
function actsAsKey(chat: Chat, text: string): boolean {
  if (chat.input.text === '' && chat.question.answer(text)) return true
  if (!isWalking(chat)) return false
  const action = Object.hasOwn(WALK_ACTIONS, text) ? WALK_ACTIONS[text] : undefined
  if (action) {
    if (chat.state === 'idle') void thenQueue(chat, () => action(chat).catch((error: unknown) => chat.fail(error)))
    return true
  }
  // Keys that are held down arrive together.
  if (!/^[[\]]+$/.test(text)) return false
  for (const bracket of text) chat.map.moveCursor(bracket === ']' ? 1 : -1, 'all')
  return true
}

/** With an empty input, Left and Right walk over the tokens, and during the walk Up and Down over the layers. */
function walk(chat: Chat, name: KeyName): boolean {
  const { input, map } = chat
  if (input.text !== '' || map.mode === 'off') return false
  if (name === 'left' && isUnread(chat) && chat.state === 'idle') {
    void walkOverAnswers(chat)
    return true
  }
  const isWalking = map.selected !== undefined
  if (name === 'left') return map.walk(-1)
  if (name === 'right') return isWalking && map.walk(1)
  const stride = STRIDES.find((stride) => stride === name)
  if (stride && (isWalking || name === 'word-left' || name === 'home')) return map.stride(stride)
  if (!isWalking || (name !== 'up' && name !== 'down')) return false
  map.setLayer(map.layer + (name === 'up' ? -1 : 1))
  return true
}

function enter(chat: Chat): void {
  if (chat.options.isPlain && chat.question.answer(chat.input.text, { isLine: true })) {
    return chat.input.set('')
  }
  const text = chat.input.take()
  if (text === undefined) return
  chat.map.select(undefined)
  void submit(chat, text)
}
