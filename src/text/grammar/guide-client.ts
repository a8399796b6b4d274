import type { Grammar, GuidePhase, GuideSpec } from '../../api/guide.js'
import type { Tokenizer } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { inTurns } from '../../ground/in-turns.js'
import { keyword, phrase } from '../../ground/message.js'
import { startThread } from '../../ground/platform/threads.js'
import { FollowedGuides } from './followed-guides.js'
import { formName } from './form-name.js'
import { GUIDE_LIMITS } from './guide-limits.js'
import { guideMemory } from './guide-memory.js'
import type { Guides, OpenGuide, OpenGuideOptions } from './guides.js'
import { Preparations } from './preparations.js'
import type { EncodedPhase, FollowThreadData, PrepareThreadData } from './protocol.js'
import type { VocabularyData } from './run/vocabulary.js'
import { WatchedThread } from './watched-thread.js'
import { workMarks } from './work-marks.js'

/** Most characters of a guide, its grammars included. */
const LONGEST_SPEC = 2 ** 20

/** The threads of a model's guides: some prepare grammars, others follow texts. They start with the first guide. */
interface Threads {
  preparations: Preparations
  followed: FollowedGuides
}

export class GuideClient implements Guides {
  private threads?: Promise<Threads>
  private isClosed = false

  /** `vocabSize` is the model's, whose ids need not all have tokens. */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly vocabSize: number,
    private readonly limits = GUIDE_LIMITS,
  ) {}

  async open(spec: GuideSpec, { eos, maxTokens, signal }: OpenGuideOptions): Promise<OpenGuide> {
    signal?.throwIfAborted()
    const { phases, grammars } = encodeGuide(spec.phases, (text) =>
      this.tokenizer.encode(text, { addSpecialTokens: false }),
    )
    this.threads ??= this.begin()
    const { preparations, followed } = await this.threads
    const prepared = await preparations.prepare(grammars, signal)
    signal?.throwIfAborted()
    if (this.isClosed) throw new Error('the model has been disposed')
    const memory = guideMemory(this.vocabSize, maxTokens)
    const name = grammars.length > 0 ? formName(JSON.parse(grammars[0])) : 'the form'
    const text = { phases, grammars: prepared, eos, memory }
    return { memory, close: await followed.open(text, name, signal) }
  }

  async close(): Promise<void> {
    this.isClosed = true
    const threads = await this.threads
    await Promise.all([threads?.preparations.close(), threads?.followed.close()])
  }

  private async begin(): Promise<Threads> {
    const { tokenizer, vocabSize, limits } = this
    const vocabulary = await inTurns(vocabularyOf(tokenizer, vocabSize), vocabSize)
    const specials = vocabulary.specials.map(([, text]) => text)
    const followed = new FollowedGuides((events) => {
      const data: FollowThreadData = { vocabulary, marks: workMarks() }
      return new WatchedThread(startThread(new URL('./follow-thread.js', import.meta.url), data), data.marks, events)
    }, limits)
    followed.startAhead()
    const preparations = new Preparations((events) => {
      const data: PrepareThreadData = { specials, marks: workMarks() }
      return new WatchedThread(startThread(new URL('./prepare-thread.js', import.meta.url), data), data.marks, events)
    }, limits)
    return { preparations, followed }
  }
}

/** Encodes a guide; `encode` gives the tokens of a fixed text. Throws a UserError if it is too large, or no JSON. */
function encodeGuide(phases: readonly GuidePhase[], encode: (text: string) => number[]) {
  const grammars: string[] = []
  const placeOf = (grammar: Grammar): number => grammars.push(jsonOf(grammar)) - 1
  const encoded = jsonOf(phases.map((phase) => encodedPhase(phase, encode, placeOf)))
  if (grammars.reduce((sum, { length }) => sum + length, encoded.length) > LONGEST_SPEC) {
    throw new UserError(`the schema or grammar is too large: it may have ${LONGEST_SPEC} characters`)
  }
  return { phases: encoded, grammars }
}

function encodedPhase(
  phase: GuidePhase,
  encode: (text: string) => number[],
  placeOf: (grammar: Grammar) => number,
): EncodedPhase {
  switch (phase.kind) {
    case 'forced':
      return { kind: 'forced', tokens: encode(phase.text) }
    case 'grammar':
      return { kind: 'grammar', grammar: placeOf(phase.grammar) }
    case 'calls':
      return { ...phase, triggers: phase.triggers.map(({ text, then }) => ({ text, grammar: placeOf(then) })) }
    case 'free': {
      const { budget, close, until } = phase
      if (budget !== undefined && !until.some((text) => close?.includes(text))) {
        throw new UserError('a phase with a `budget` needs a `close` that contains one of its texts `until`')
      }
      return { ...phase, close: close === undefined ? [] : encode(close) }
    }
  }
}

/** JSON.stringify would leave these values out. */
function onlyJson(name: string, value: unknown): unknown {
  if (typeof value !== 'function' && typeof value !== 'symbol') return value
  throw new UserError(
    phrase`the schema or grammar cannot be used: ${keyword(name)} is a ${typeof value}, and JSON has none`,
  )
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, onlyJson)
  } catch (error) {
    const why = error instanceof RangeError ? 'it is nested too deeply' : 'it is not JSON'
    if (error instanceof UserError) throw error
    throw new UserError(`the schema or grammar cannot be used: ${why}`)
  }
}

/** Tokens read between two pauses. */
const TOKENS_A_STEP = 1024

/** Reads the tokens of a model; ids up to `size` that the tokenizer lacks have none. */
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
