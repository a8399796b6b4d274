import type { Grammar, GuidePhase, GuideSpec } from '../../api/guide.js'
import type { Tokenizer } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { inTurns } from '../../ground/in-turns.js'
import { keyword, phrase } from '../../ground/message.js'
import { sharedBuffer, startThread } from '../../ground/platform/threads.js'
import { formName } from './form-name.js'
import { GuideOwner } from './guide-ends.js'
import type { GuideMemory } from './guide-memory.js'
import { Task } from './lane-task.js'
import { type LaneOptions, Lanes, type TaskReply } from './lanes.js'
import { PreparedForms } from './prepared-forms.js'
import type { EncodedPhase, FollowReply, GuideText, PrepareReply } from './protocol.js'
import type { VocabularyData } from './run/vocabulary.js'
import { WatchedThread, workMarks } from './watched-thread.js'

/** Most characters of a guide, its grammars included. */
const LONGEST_SPEC = 2 ** 20

export const PREPARING: LaneOptions = {
  atOnce: 1,
  tooMany: 'too many large forms are waiting',
  tooLong: 'to prepare',
  failed: 'it cannot be prepared',
}
export const FOLLOWING: LaneOptions = {
  atOnce: Infinity,
  tooMany: 'too many slow forms at once',
  tooLong: 'for one token',
  failed: 'it failed',
}
/** Milliseconds that a text may compute, and more for each of its tokens, before it continues apart from quick ones. */
const [TEXT_MS, TOKEN_MS] = [100, 5]

/** A text that follows its guide. */
export class FollowedText extends Task<FollowReply> {
  readonly request: GuideText

  constructor(
    private readonly guide: GuideOwner,
    readonly name: string,
    text: Omit<GuideText, 'memory'>,
    client?: string,
  ) {
    super(client)
    this.request = { ...text, memory: guide.memory }
    this.isSlow = text.grammars.some((grammar) => grammar.isSlow)
  }

  get allowance(): number {
    return TEXT_MS + TOKEN_MS * this.guide.told
  }

  get canMove(): boolean {
    return this.guide.canBeTakenOver
  }

  override slowDown(): void {
    super.slowDown()
    // Of several grammars any may be the slow one.
    const { grammars } = this.request
    if (grammars.length === 1) grammars[0].isSlow = true
  }

  received({ error }: FollowReply): boolean {
    if (error === undefined) this.succeed()
    else super.fail(new UserError(error))
    return error !== undefined
  }

  override fail(error: UserError): void {
    this.guide.fail(error.phrase)
    super.fail(error)
  }
}

/** A guide at the beginning of a text. */
export interface OpenGuide {
  /** Memory that the guide shares with the engine. */
  readonly memory: GuideMemory
  close(): void
}

export interface OpenGuideOptions {
  eos: readonly number[]
  /** Most tokens of the text. Default: no limit. */
  maxTokens?: number
  /** Whose text it is: forms of clients are prepared in turn. Default: each text counts as another client's. */
  client?: string
  signal?: AbortSignal
}

/** Makes the guides of a model's generations. */
export interface Guides {
  /** Opens a guide for one generation. Rejects with a UserError that names what is wrong in a grammar. */
  open(spec: GuideSpec, options: OpenGuideOptions): Promise<OpenGuide>
  close(): Promise<void>
}

/** The threads of a model's guides: some prepare grammars, others follow texts. They start with the first guide. */
interface Threads {
  preparing: Lanes<PrepareReply>
  forms: PreparedForms
  following: Lanes<FollowReply>
}

export class GuideClient implements Guides {
  private threads?: Promise<Threads>
  private isClosed = false

  /** `vocabSize` is the model's, whose ids need not all have tokens. */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly vocabSize: number,
  ) {}

  async open(spec: GuideSpec, { eos, maxTokens, client, signal }: OpenGuideOptions): Promise<OpenGuide> {
    signal?.throwIfAborted()
    const { phases, grammars } = encodeGuide(spec.phases, (text) =>
      this.tokenizer.encode(text, { addSpecialTokens: false }),
    )
    this.threads ??= this.begin()
    const { forms, following } = await this.threads
    const prepared = await forms.prepare(grammars, { client, signal })
    signal?.throwIfAborted()
    if (this.isClosed) throw new Error('the model has been disposed')
    const guide = new GuideOwner(this.vocabSize, maxTokens)
    const name = grammars.length > 0 ? formName(JSON.parse(grammars[0])) : 'the form'
    const text = new FollowedText(guide, name, { phases, grammars: prepared, eos }, client)
    const close = () => {
      guide.close()
      following.remove(text)
    }
    following.add(text)
    try {
      await text.untilReady(signal)
    } catch (error) {
      close()
      throw error
    }
    return { memory: guide.memory, close }
  }

  async close(): Promise<void> {
    this.isClosed = true
    const threads = await this.threads
    await Promise.all([threads?.preparing.close(), threads?.following.close()])
  }

  private async begin(): Promise<Threads> {
    const { tokenizer, vocabSize } = this
    const vocabulary = await inTurns(vocabularyOf(tokenizer, vocabSize), vocabSize)
    const specials = vocabulary.specials.map(([, text]) => text)
    const following = lanesOf<FollowReply>('../../bundle/follow-thread.js', { vocabulary }, FOLLOWING)
    following.startAhead()
    const preparing = lanesOf<PrepareReply>('../../bundle/prepare-thread.js', { specials }, PREPARING)
    return { preparing, forms: new PreparedForms(preparing), following }
  }
}

/** Lanes whose threads run `script` with `data`. */
function lanesOf<Reply extends TaskReply>(script: string, data: object, options: LaneOptions): Lanes<Reply> {
  return new Lanes((events) => {
    const marks = workMarks()
    return new WatchedThread(startThread(new URL(script, import.meta.url), { ...data, marks }), marks, events)
  }, options)
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
  const starts = new Uint32Array(sharedBuffer(4 * (size + 1)))
  for (let id = 0; id < size; id++) {
    tokens.push(id < tokenizer.vocabSize ? tokenizer.bytesOf(id) : new Uint8Array(0))
    starts[id + 1] = starts[id] + tokens[id].length
    if (id % TOKENS_A_STEP === 0) yield
  }
  const bytes = new Uint8Array(sharedBuffer(starts[size]))
  for (let id = 0; id < size; id++) bytes.set(tokens[id], starts[id])
  const specials = [...tokenizer.specialIds].filter((id) => id < size)
  return { bytes, starts, specials: specials.map((id) => [id, tokenizer.token(id)]) }
}
