import { type Message, messageText } from '../../ground/message.js'
import {
  ANSWERED,
  COUNT,
  FORCED,
  type GuideMemory,
  GuideWords,
  guideMemory,
  KEPT,
  KIND,
  MOST_FORCED,
  maskWords,
  TOKENS,
  TOLD,
} from './guide-memory.js'
import type { Limits } from './run/limits.js'

/*
 * The three ends of a guide. The engine writes each token that it has sampled, and while it runs the token, the guide
 * prepares its next directive. The tokens stay, so that another thread can take the guide over: it hears them all again.
 */

/** Limits of the next token. */
export type Directive = Limits | { kind: 'failed'; message: Message }

const KINDS = ['free', 'masked', 'forced', 'done', 'failed'] as const
/** In place of a token: the forced ones have been taken. */
const TAKEN = -1
/** In place of the number of answers: whatever the engine says, the guide has failed. */
const ALL_ANSWERED = 2 ** 31 - 1

/** Bytes for the message of a failure, which is JSON. */
function failureOf({ words, mask }: GuideWords): Uint8Array {
  return new Uint8Array(words.buffer, 4 * mask)
}

function writeFailure(shared: GuideWords, message: Message): void {
  const room = failureOf(shared)
  let json = new TextEncoder().encode(JSON.stringify(message))
  // A character has at most six bytes in JSON.
  const most = Math.floor(room.length / 6) - 1
  if (json.length > room.length) json = new TextEncoder().encode(JSON.stringify(messageText(message).slice(0, most)))
  room.set(json)
  shared.words[COUNT] = json.length
  shared.words[KIND] = KINDS.indexOf('failed')
}

/** The end of the thread that opened the guide. */
export class GuideOwner {
  readonly memory: GuideMemory
  private readonly shared: GuideWords

  /** A text of at most `tokens` tokens. */
  constructor(vocabSize: number, tokens?: number, isShared?: boolean) {
    this.memory = guideMemory(vocabSize, tokens, isShared)
    this.shared = new GuideWords(this.memory)
  }

  /** Number of the tokens, and runs of forced tokens, of the guide's text so far. */
  get told(): number {
    return this.shared.read(TOLD)
  }

  /** Whether another thread can take the guide over. */
  get canBeTakenOver(): boolean {
    return this.told < this.shared.words[KEPT]
  }

  /** Fails the guide, whose thread has ended: from now on the engine reads only this. */
  fail(message: Message): void {
    writeFailure(this.shared, message)
    this.shared.publish(ANSWERED, ALL_ANSWERED)
  }

  /** Ends the guide's waiting for tokens. */
  close(): void {
    this.shared.close()
  }
}

/** The engine's end. */
export class GuideReader {
  private readonly shared: GuideWords
  private told = 0

  constructor(
    memory: GuideMemory,
    private readonly vocabSize: number,
  ) {
    this.shared = new GuideWords(memory)
  }

  /** Says which token has been sampled or, without one, that the forced ones have been taken. */
  tell(token = TAKEN): void {
    const { shared } = this
    shared.words[TOKENS + (this.told % shared.words[KEPT])] = token
    this.told++
    shared.publish(TOLD, this.told)
  }

  /**
   * The directive of the next position; undefined if it has not come. Waits up to `ms` for it if memory is shared: a
   * thread that waits receives no messages.
   */
  directive(ms = 0): Directive | undefined {
    const { told, shared } = this
    const { words, mask, isCopy } = shared
    const end = ms > 0 && !isCopy ? performance.now() + ms : 0
    while (shared.read(ANSWERED) <= told) {
      // The notification of the directive before may come as late as this.
      const left = end - performance.now()
      if (left <= 0) return undefined
      Atomics.wait(words, ANSWERED, told, left)
    }
    const count = words[COUNT]
    switch (KINDS[words[KIND]]) {
      case 'masked':
        return { kind: 'masked', mask: words.subarray(mask, mask + maskWords(this.vocabSize)) }
      case 'forced':
        return { kind: 'forced', tokens: words.slice(FORCED, FORCED + count) }
      case 'failed':
        return { kind: 'failed', message: JSON.parse(new TextDecoder().decode(failureOf(shared).slice(0, count))) }
      case 'done':
        return { kind: 'done' }
      default:
        return { kind: 'free' }
    }
  }
}

/** The guide's end. */
export class GuideWriter {
  private readonly shared: GuideWords
  /** Tokens, and runs of forced tokens, that it has heard. */
  heard = 0
  private hasLeft = false

  constructor(memory: GuideMemory) {
    this.shared = new GuideWords(memory)
  }

  leave(): void {
    this.hasLeft = true
  }

  answer(directive: Directive): void {
    const { shared } = this
    const { words } = shared
    // A guide that was failed from outside stays so, and a former thread may have answered.
    if (shared.read(ANSWERED) > this.heard) return
    words[KIND] = KINDS.indexOf(directive.kind)
    if (directive.kind === 'masked') words.set(directive.mask, shared.mask)
    if (directive.kind === 'forced') {
      const tokens = directive.tokens.subarray(0, MOST_FORCED)
      words.set(tokens, FORCED)
      words[COUNT] = tokens.length
    }
    if (directive.kind === 'failed') writeFailure(shared, directive.message)
    shared.publish(ANSWERED, this.heard + 1)
  }

  get isClosed(): boolean {
    return this.hasLeft || this.shared.isClosed
  }

  /** Resolves with the next token; undefined if the forced ones were taken, or the guide was closed. */
  async heardToken(): Promise<number | undefined> {
    const { shared, heard } = this
    const { words } = shared
    while (shared.read(TOLD) <= heard) {
      if (this.isClosed) return undefined
      await shared.changed(TOLD, heard)
    }
    const token = words[TOKENS + (heard % words[KEPT])]
    this.heard++
    return token === TAKEN ? undefined : token
  }
}
