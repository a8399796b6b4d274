import { EventEmitter } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { ColourDepth } from '#molm/ground/output/colours.js'
import type { LayerRoutes, Mixture, Model } from '#molm/index.js'
import { Chat } from '#molm/terminal/conversation/chat-state.js'
import { NOTHING_YET, type RunningText } from '#molm/terminal/conversation/state/screen-state.js'
import { InputHistory } from '#molm/terminal/input/history.js'
import { type ChatScreen, InkScreen } from '#molm/terminal/screen/chat-screen.js'
import { Terminal } from '#molm/terminal/screen/terminal.js'
import { TerminalScreen } from './terminal-screen.js'

/** Mixtures with the same number of experts in each layer, and none in the dense layers. */
export function mixturesOf(
  layers: number,
  counts: { attention?: number; mlp?: number },
  dense: number[] = [],
  topK = 2,
): Mixture[] {
  const experts = (count: number) => Array.from({ length: layers }, (_, layer) => (dense.includes(layer) ? 0 : count))
  const { attention, mlp } = counts
  return [
    ...(attention ? [{ kind: 'attention', experts: experts(attention), topK } as const] : []),
    ...(mlp ? [{ kind: 'mlp', experts: experts(mlp), topK } as const] : []),
  ]
}

/** A model with only the parts that the screen needs. */
export function modelOf(mixtures: Mixture[], layers: number, name = 'ibm-research/MoLM-700M-8B'): Model {
  const model = {
    name,
    info: { quant: 'q4' },
    config: { layers, mixtures, trainedContext: 1024 },
    generationDefaults: {},
    createSession: () => ({ length: 7 }),
    stats: () => Promise.reject(new Error('no figures here')),
  }
  return model as unknown as Model
}

/** Routes that choose each layer's last expert, and the first one with half its gate. */
export function plainRoutes(mixtures: Mixture[]): LayerRoutes[] {
  return Array.from({ length: layersOf(mixtures) }, (_, layer) => {
    const present = mixtures.filter(({ experts }) => experts[layer] > 0)
    const routes = present.map(({ kind, experts }) => {
      const last = experts[layer] - 1
      const p = Array.from({ length: last + 1 }, (_, e) => (e === last ? 0.5 : e === 0 ? 0.25 : 0.01 * e))
      const [ids, gates] = [Int32Array.of(last, 0), Float32Array.of(0.5, 0.25)]
      return [kind, { ids, gates, probabilities: Float32Array.from(p) }]
    })
    return Object.fromEntries(routes)
  })
}

export function layersOf(mixtures: Mixture[]): number {
  return mixtures[0]?.experts.length ?? 0
}

/** A chat whose model has written 50 tokens. */
export async function chatOf(
  mixtures: Mixture[],
  depth: ColourDepth,
  {
    layers = layersOf(mixtures),
    model = modelOf(mixtures, layers),
    isPlain = false,
  }: { layers?: number; model?: Model; isPlain?: boolean } = {},
): Promise<Chat> {
  const history = await InputHistory.open()
  const loadModel = () => Promise.reject(new Error('no other model here'))
  const chat = new Chat(model, { history, depth, isPlain, generation: {}, loadModel })
  const routes = plainRoutes(mixtures)
  for (let i = 0; i < 50; i++) chat.map.add({ id: 0, text: ` token${i}`, routes })
  // An answer was before this one.
  chat.map.answerStart = 1
  return chat
}

/** The state of a chat whose model has written this so far. */
export function writing(text: string, more: Partial<RunningText> = {}): RunningText {
  return { ...NOTHING_YET, text, ...more }
}

/** Turns of the event loop without a drawing, together longer than the wait of any timer between a change and its drawing. */
const [QUIET_TURNS, TURN_MS] = [9, 15]

/** A chat on a terminal emulator in this process. */
export class ShownChat {
  readonly screen: TerminalScreen
  private readonly input = Object.assign(new EventEmitter(), {
    setEncoding() {},
    setRawMode() {},
    resume() {},
    pause() {},
  })
  private readonly output = Object.assign(new EventEmitter(), {
    columns: 0,
    rows: 0,
    fd: -1,
    write: (text: string, done?: () => void) => {
      this.written += text.length
      // As the terminal driver does.
      this.pending = this.screen.write(text.replace(/\r?\n/g, '\r\n'))
      done?.()
      return true
    },
  })
  /** Number of characters written so far. */
  written = 0
  private pending?: Promise<void>
  private readonly shown: ChatScreen

  constructor(
    readonly chat: Chat,
    columns: number,
    rows: number,
  ) {
    this.screen = new TerminalScreen(columns, rows)
    Object.assign(this.output, { columns, rows })
    this.screen.onAnswer((text) => this.input.emit('data', text))
    const terminal = new Terminal(
      this.input as unknown as NodeJS.ReadStream,
      this.output as unknown as NodeJS.WriteStream & { fd: 1 },
    )
    terminal.enter()
    this.shown = new InkScreen(chat, terminal)
    this.shown.takeInput()
  }

  type(text: string): void {
    this.input.emit('data', text)
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows)
    Object.assign(this.output, { columns, rows })
    this.output.emit('resize')
  }

  /** Resolves once the screen is up to date. Does not resolve while the chat draws again and again. */
  async settled(): Promise<void> {
    // A busy machine may run a timer late, and what it starts later still. So turns of the event loop count, not time.
    let before = this.written
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await this.passes(TURN_MS)
      await new Promise((resolve) => setImmediate(resolve))
      if (this.written !== before) quiet = 0
      before = this.written
    }
  }

  /** Resolves after some time, with the screen as it is then. */
  async passes(ms: number): Promise<void> {
    await wait(ms)
    await this.pending
    await this.screen.write('')
  }

  close(): void {
    this.chat.end()
    this.shown.close()
  }
}
