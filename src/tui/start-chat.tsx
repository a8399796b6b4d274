import { join } from 'node:path'
import { render } from 'ink'
import type { GenerateOptions, Model } from '../generation/types.js'
import { modelsHome } from '../library/model-folders.js'
import type { ColourDepth } from '../terminal/colours.js'
import { App } from './app.js'
import { Chat, type ChatBeginning, type ChatOptions } from './chat.js'
import { InputHistory } from './input-history.js'
import { Terminal } from './terminal.js'

export interface StartOptions {
  depth: ColourDepth
  generation: GenerateOptions
  beginning: ChatBeginning
  loadModel: ChatOptions['loadModel']
  /** Whether what is typed is kept for later conversations. */
  keepsHistory: boolean
  /** Aborting it leaves. */
  signal: AbortSignal
}

/** File of what was typed, in the folder of the models. */
const HISTORY = 'chat-history.jsonl'

/** Above what the chat asks for, which draws by itself no more often than is seen. */
const MOST_FRAMES = 60

/**
 * Holds a conversation at the terminal until the user leaves; resolves with whether that was by Ctrl-C. The model that
 * is in use at the end is disposed.
 */
export async function startChat(model: Model, options: StartOptions): Promise<{ interrupted: boolean }> {
  const history = await InputHistory.open(options.keepsHistory ? join(modelsHome(), HISTORY) : undefined)
  const chat = new Chat(model, { history, ...options })
  const terminal = new Terminal(process.stdin, process.stdout, (key) => chat.press(key))
  terminal.enter()
  const screen = render(<App chat={chat} terminal={terminal} />, {
    stdout: terminal as unknown as NodeJS.WriteStream,
    exitOnCtrlC: false,
    maxFps: MOST_FRAMES,
  })
  // At once: Ink's own handler of the signal may end the process before anything else is done.
  const leave = () => {
    chat.end()
    screen.unmount()
    terminal.leave()
  }
  options.signal.addEventListener('abort', leave, { once: true })
  try {
    greet(chat)
    chat.begin(options.beginning)
    await chat.ended
  } finally {
    leave()
    options.signal.removeEventListener('abort', leave)
    await chat.model.dispose()
  }
  return { interrupted: chat.interrupted }
}

function greet(chat: Chat): void {
  const { model } = chat
  chat.say('note', `${model.name}, ${model.info.quant}: write something, or /help`)
  chat.refreshMemory()
}
