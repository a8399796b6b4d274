import type { GuideSpec } from '../../api/guide.js'
import type { Tokenizer } from '../../api/text.js'
import { inTurns } from '../../ground/in-turns.js'
import { startThread } from '../../ground/platform/threads.js'
import { encodeGuide } from './encode-guide.js'
import { FollowedGuides } from './followed-guides.js'
import { formName } from './form-name.js'
import { GUIDE_LIMITS } from './guide-limits.js'
import { guideMemory } from './guide-memory.js'
import type { Guides, OpenGuide, OpenGuideOptions } from './guides.js'
import { Preparations } from './preparations.js'
import type { FollowThreadData, PrepareThreadData } from './protocol.js'
import type { VocabularyData } from './run/token-tree.js'
import { WatchedThread } from './watched-thread.js'
import { workMarks } from './work-marks.js'

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
