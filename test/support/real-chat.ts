import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'uvu'
import type { ColourDepth } from '#molm/ground/output/colours.js'
import { type GenerateOptions, loadModel, type Model } from '#molm/index.js'
import { Chat } from '#molm/terminal/conversation/chat-state.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import type { ChatOptions } from '#molm/terminal/conversation/options.js'
import { InputHistory } from '#molm/terminal/input/history.js'
import type { KeyName } from '#molm/terminal/input/keys.js'

/** Runs `use` with nano before the tests of a suite, and disposes of nano after them. */
export function nanoFor<T>(test: Test<T>, use: (nano: Model) => void): void {
  let nano: Model
  test.before(async () => {
    nano = await loadModel('nano', { threads: 1 })
    use(nano)
  })
  test.after(() => nano.dispose())
}

/** A chat with a real model, without a screen. Answers are greedy unless `generation` says otherwise. */
export async function chatWith(
  model: Model,
  {
    generation = {},
    depth = 'none',
    ...others
  }: { generation?: GenerateOptions; depth?: ColourDepth } & Pick<
    ChatOptions,
    'tools' | 'isAllowed' | 'conversations' | 'keptCacheBytes'
  > = {},
): Promise<Chat> {
  const options = { temperature: 0, maxTokens: 40, ...generation }
  return new Chat(model, {
    ...others,
    history: await InputHistory.open(),
    depth,
    generation: options,
    loadModel: async () => model,
    readSchema: async (text) => JSON.parse(text),
  })
}

/** Sends a line. */
export function enter(chat: Chat, line: string): void {
  press(chat, { kind: 'text', text: line })
  press(chat, { kind: 'key', name: 'enter' })
}

/** Sends a line, and waits until all is done. */
export async function send(chat: Chat, line: string): Promise<void> {
  enter(chat, line)
  await idle(chat)
}

/** Presses a key, and waits until all is done. */
export async function pressed(chat: Chat, name: KeyName): Promise<void> {
  press(chat, { kind: 'key', name })
  await idle(chat)
}

/** Resolves when nothing runs and no line waits. */
export async function idle(chat: Chat): Promise<void> {
  do await wait(5)
  while (chat.queue.length > 0 || chat.state !== 'idle')
}
