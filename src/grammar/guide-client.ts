import type { Grammar, GuidePhase, GuideSpec } from '../api/guide.js'
import type { Tokenizer } from '../api/text.js'
import { UserError } from '../errors.js'
import { inTurns } from '../in-turns.js'
import { closeGuide, guideMemory } from './guide-memory.js'
import { Displaced, GuideThread } from './guide-thread.js'
import type { Guides, OpenGuide } from './guides.js'
import type { EncodedPhase, OpenRequest } from './protocol.js'
import type { VocabularyData } from './run/token-tree.js'

/** Most characters of a guide, its grammars included. */
const LONGEST_SPEC = 2 ** 20

/**
 * Most threads. A grammar that takes too long ends its thread, so a new grammar gets a thread without open guides while
 * there are not too many.
 */
const MOST_THREADS = 4

/** Guides of a model, made in threads of their own. The first starts with the first guide. */
export class GuideClient implements Guides {
  private vocabulary?: Promise<VocabularyData>
  private threads: GuideThread[] = []
  private isClosed = false

  /** `vocabSize` is the model's, whose ids need not all have tokens. */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly vocabSize: number,
  ) {}

  async open(spec: GuideSpec, { eos, signal }: { eos: readonly number[]; signal?: AbortSignal }): Promise<OpenGuide> {
    signal?.throwIfAborted()
    const phases = spec.phases.map((phase) => this.encoded(phase))
    const text = specText(phases)
    this.vocabulary ??= this.readVocabulary()
    const vocabulary = await this.vocabulary
    const grammars = grammarsOf(phases)
    const { thread, memory } = await this.openIn({ phases: text, eos }, grammars, vocabulary, signal)
    return {
      memory,
      close: () => {
        closeGuide(memory)
        thread.release(memory)
        this.endSpareThreads()
      },
    }
  }

  /** Opens a guide, again if its thread ends because of another. */
  private async openIn(
    request: Omit<OpenRequest, 'id' | 'memory'>,
    grammars: readonly string[],
    vocabulary: VocabularyData,
    signal?: AbortSignal,
  ): Promise<{ thread: GuideThread; memory: SharedArrayBuffer }> {
    for (;;) {
      signal?.throwIfAborted()
      if (this.isClosed) throw new Error('the model has been disposed')
      const thread = this.threadFor(grammars) ?? this.startThread(vocabulary)
      const memory = guideMemory(this.vocabSize)
      try {
        await thread.open({ ...request, memory }, grammars, signal)
        return { thread, memory }
      } catch (error) {
        if (!(error instanceof Displaced)) throw error
      }
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    await Promise.all(this.threads.map((thread) => thread.end('the model has been disposed')))
  }

  private threadFor(grammars: readonly string[]): GuideThread | undefined {
    this.endSpareThreads()
    const sound = this.threads.filter(({ hasEnded }) => !hasEnded)
    const idle = sound.find(({ load }) => load === 0)
    const ready = sound.find((thread) => !thread.isOpening && thread.has(grammars))
    if (ready ?? idle) return ready ?? idle
    const [leastBusy] = sound.sort((a, b) => a.load - b.load)
    return sound.length < MOST_THREADS ? undefined : leastBusy
  }

  private startThread(vocabulary: VocabularyData): GuideThread {
    const thread = new GuideThread(vocabulary)
    this.threads.push(thread)
    return thread
  }

  /** Ends idle threads, but for one that is sound. */
  private endSpareThreads(): void {
    const kept = this.threads.find(({ hasEnded, load }) => load === 0 && !hasEnded)
    const isSpare = (thread: GuideThread) => thread.load === 0 && thread !== kept
    for (const thread of this.threads.filter(isSpare)) void thread.end('the thread of grammars has ended')
    this.threads = this.threads.filter((thread) => !isSpare(thread))
  }

  private encoded(phase: GuidePhase): EncodedPhase {
    const encode = (text: string) => this.tokenizer.encode(text, { addSpecialTokens: false })
    if (phase.kind === 'forced') return { kind: 'forced', tokens: encode(phase.text) }
    if (phase.kind !== 'free') return phase
    const { budget, close } = phase
    if (budget !== undefined && !phase.until.some((text) => close?.includes(text))) {
      throw new UserError('a phase with a `budget` needs a `close` that contains one of its texts `until`')
    }
    return { ...phase, close: close === undefined ? [] : encode(close) }
  }

  private async readVocabulary(): Promise<VocabularyData> {
    return inTurns(vocabularyOf(this.tokenizer, this.vocabSize), this.vocabSize)
  }
}

/** JSON of all grammars. */
function grammarsOf(phases: readonly EncodedPhase[]): string[] {
  return phases
    .flatMap((phase): Grammar[] => {
      if (phase.kind === 'grammar') return [phase.grammar]
      return phase.kind === 'calls' ? phase.triggers.map(({ then }) => then) : []
    })
    .map((grammar) => JSON.stringify(grammar))
}

/** JSON.stringify would leave these values out. */
function onlyJson(name: string, value: unknown): unknown {
  if (typeof value !== 'function' && typeof value !== 'symbol') return value
  throw new UserError(`the schema or grammar cannot be used: \`${name}\` is a ${typeof value}, and JSON has none`)
}

function specText(phases: EncodedPhase[]): string {
  let text: string
  try {
    text = JSON.stringify(phases, onlyJson)
  } catch (error) {
    const why = error instanceof RangeError ? 'it is nested too deeply' : 'it is not JSON'
    if (error instanceof UserError) throw error
    throw new UserError(`the schema or grammar cannot be used: ${why}`)
  }
  if (text.length > LONGEST_SPEC) {
    throw new UserError(`the schema or grammar is too large: it may have ${LONGEST_SPEC} characters`)
  }
  return text
}

/** Tokens read between two pauses. */
const TOKENS_A_STEP = 1024

function* vocabularyOf(tokenizer: Tokenizer, size: number): Generator<void, VocabularyData> {
  const tokens: Uint8Array[] = []
  const starts = new Uint32Array(new SharedArrayBuffer(4 * (size + 1)))
  for (let id = 0; id < size; id++) {
    tokens.push(id < tokenizer.vocabSize ? tokenizer.bytesOf(id) : new Uint8Array(0))
    starts[id + 1] = starts[id] + tokens[id].length
    if (id % TOKENS_A_STEP === 0) yield
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(starts[size]))
  for (let id = 0; id < size; id++) bytes.set(tokens[id], starts[id])
  const specials = [...tokenizer.specialIds].filter((id) => id < size)
  return { bytes, starts, specials: specials.map((id) => [id, tokenizer.token(id)]) }
}
