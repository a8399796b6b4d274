import type { GuidePhase, GuideSpec } from '../api/guide.js'
import type { Tokenizer } from '../api/text.js'
import { UserError } from '../errors.js'
import { inTurns } from '../in-turns.js'
import { closeGuide, guideMemory } from './guide-memory.js'
import { GuideThread } from './guide-thread.js'
import type { Guides, OpenGuide } from './guides.js'
import type { EncodedPhase } from './protocol.js'
import type { VocabularyData } from './run/vocabulary.js'

/** Most characters of a guide, its grammars included. */
const LONGEST_SPEC = 2 ** 20

/** Guides of a model, made in a thread of their own, which starts with the first. */
export class GuideClient implements Guides {
  private vocabulary?: Promise<VocabularyData>
  private thread?: GuideThread
  /** Threads that compile no further grammars, with guides still open. */
  private readonly worn = new Set<GuideThread>()
  private isClosed = false

  /** `vocabSize` is the model's, whose ids need not all have tokens. */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly vocabSize: number,
  ) {}

  async open(spec: GuideSpec, { eos, signal }: { eos: readonly number[]; signal?: AbortSignal }): Promise<OpenGuide> {
    signal?.throwIfAborted()
    const phases = specText(spec.phases.map((phase) => this.encoded(phase)))
    this.vocabulary ??= this.readVocabulary()
    const vocabulary = await this.vocabulary
    if (this.isClosed) throw new Error('the model has been disposed')
    const thread = this.freshThread(vocabulary)
    const memory = guideMemory(this.vocabSize)
    await thread.open({ phases, eos, memory }, signal)
    return {
      memory,
      close: () => {
        closeGuide(memory)
        thread.release(memory)
      },
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    await Promise.all([this.thread, ...this.worn].map((thread) => thread?.end('the model has been disposed')))
  }

  private freshThread(vocabulary: VocabularyData): GuideThread {
    const { thread } = this
    if (thread?.isWorn) {
      this.worn.add(thread)
      thread.endWhenIdle(() => this.worn.delete(thread))
      this.thread = undefined
    }
    this.thread ??= new GuideThread(vocabulary)
    return this.thread
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

function specText(phases: EncodedPhase[]): string {
  let text: string
  try {
    text = JSON.stringify(phases)
  } catch (error) {
    const why = error instanceof RangeError ? 'it is nested too deeply' : 'it is not JSON'
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
