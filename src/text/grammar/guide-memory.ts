import { type Message, messageText } from '../../ground/message.js'
import type { Limits } from './run/limits.js'

/*
 * Memory that a guide shares with the engine. The engine writes each token that it has sampled, and
 * while it runs the token, the guide prepares its next directive. The tokens stay, so that another thread can take the guide
 * over: it hears them all again.
 */

/** Limits of the next token. */
export type Directive = Limits | { kind: 'failed'; message: Message }

/** Most tokens of one `forced` directive. */
export const MOST_FORCED = 64

/** Most tokens of a text that stay in memory: more than a server's longest text. */
const MOST_KEPT = 2 ** 15

/** Places of words. `KEPT` has the number of tokens that stay; the mask, or the message of a failure, follows them. */
const [TOLD, ANSWERED, KIND, COUNT, CLOSED, KEPT, FORCED] = [0, 1, 2, 3, 4, 5, 6]
const TOKENS = FORCED + MOST_FORCED
const KINDS = ['free', 'masked', 'forced', 'done', 'failed'] as const
/** In place of a token: the forced ones have been taken. */
const TAKEN = -1
/** Least room for the message of a failure, in words. */
const MESSAGE_WORDS = 256
/** Longest wait for a notification, in case one is lost. */
const LOOK_AGAIN_MS = 1000
/** In place of the number of answers: whatever the engine says, the guide has failed. */
const ALL_ANSWERED = 2 ** 31 - 1

/** Words of a mask. */
export function maskWords(vocabSize: number): number {
  return Math.ceil(vocabSize / 32)
}

/** Memory for a guide. It is as small as it can be: threads that wait seldom free what they have let go. */
export function guideMemory(vocabSize: number, tokens = Infinity): SharedArrayBuffer {
  const kept = Math.min(tokens + 1, MOST_KEPT)
  const memory = new SharedArrayBuffer(4 * (TOKENS + kept + Math.max(maskWords(vocabSize), MESSAGE_WORDS)))
  new Int32Array(memory)[KEPT] = kept
  return memory
}

function maskOf(words: Int32Array): number {
  return TOKENS + words[KEPT]
}

/** Bytes for the message of a failure, which is JSON. */
function failureOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, 4 * maskOf(words))
}

/** Ends the guide's waiting for tokens. */
export function closeGuide(memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory)
  Atomics.store(words, CLOSED, 1)
  Atomics.notify(words, TOLD)
}

/** Number of the tokens, and runs of forced tokens, of a guide's text so far. */
export function toldOf(memory: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(memory), TOLD)
}

/** Whether another thread can take a guide over. */
export function canBeTakenOver(memory: SharedArrayBuffer): boolean {
  return toldOf(memory) < new Int32Array(memory)[KEPT]
}

/** Fails a guide whose thread has ended: from now on the engine reads only this. */
export function failGuide(memory: SharedArrayBuffer, message: Message): void {
  const words = new Int32Array(memory)
  writeFailure(words, message)
  Atomics.store(words, ANSWERED, ALL_ANSWERED)
  Atomics.notify(words, ANSWERED)
}

function writeFailure(words: Int32Array, message: Message): void {
  const room = failureOf(words)
  let json = new TextEncoder().encode(JSON.stringify(message))
  // A character has at most six bytes in JSON.
  const most = Math.floor(room.length / 6) - 1
  if (json.length > room.length) json = new TextEncoder().encode(JSON.stringify(messageText(message).slice(0, most)))
  room.set(json)
  words[COUNT] = json.length
  words[KIND] = KINDS.indexOf('failed')
}

/** The engine's end. */
export class GuideReader {
  private readonly words: Int32Array
  private told = 0

  constructor(
    memory: SharedArrayBuffer,
    private readonly vocabSize: number,
  ) {
    this.words = new Int32Array(memory)
  }

  /** Says which token has been sampled or, without one, that the forced ones have been taken. */
  tell(token = TAKEN): void {
    this.words[TOKENS + (this.told % this.words[KEPT])] = token
    this.told++
    Atomics.store(this.words, TOLD, this.told)
    Atomics.notify(this.words, TOLD)
  }

  /** Waits up to `ms` for the directive of the next position; undefined if it has not come. */
  directive(ms = 0): Directive | undefined {
    const { words, told } = this
    const end = ms > 0 ? performance.now() + ms : 0
    while (Atomics.load(words, ANSWERED) <= told) {
      // The notification of the directive before may come as late as this.
      const left = end - performance.now()
      if (left <= 0) return undefined
      Atomics.wait(words, ANSWERED, told, left)
    }
    const count = words[COUNT]
    const mask = maskOf(words)
    switch (KINDS[words[KIND]]) {
      case 'masked':
        return { kind: 'masked', mask: words.subarray(mask, mask + maskWords(this.vocabSize)) }
      case 'forced':
        return { kind: 'forced', tokens: words.slice(FORCED, FORCED + count) }
      case 'failed':
        return { kind: 'failed', message: JSON.parse(new TextDecoder().decode(failureOf(words).slice(0, count))) }
      case 'done':
        return { kind: 'done' }
      default:
        return { kind: 'free' }
    }
  }
}

/** The guide's end. */
export class GuideWriter {
  private readonly words: Int32Array
  /** Tokens, and runs of forced tokens, that it has heard. */
  heard = 0
  private hasLeft = false

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory)
  }

  leave(): void {
    this.hasLeft = true
  }

  answer(directive: Directive): void {
    const { words } = this
    // A guide that was failed from outside stays so, and a former thread may have answered.
    if (Atomics.load(words, ANSWERED) > this.heard) return
    words[KIND] = KINDS.indexOf(directive.kind)
    if (directive.kind === 'masked') words.set(directive.mask, maskOf(words))
    if (directive.kind === 'forced') {
      const tokens = directive.tokens.subarray(0, MOST_FORCED)
      words.set(tokens, FORCED)
      words[COUNT] = tokens.length
    }
    if (directive.kind === 'failed') writeFailure(words, directive.message)
    Atomics.store(words, ANSWERED, this.heard + 1)
    Atomics.notify(words, ANSWERED)
  }

  get isClosed(): boolean {
    return this.hasLeft || Atomics.load(this.words, CLOSED) !== 0
  }

  /** Resolves with the next token; undefined if the forced ones were taken, or the guide was closed. */
  async heardToken(): Promise<number | undefined> {
    const { words, heard } = this
    while (Atomics.load(words, TOLD) <= this.heard) {
      if (this.isClosed) return undefined
      const waiting = Atomics.waitAsync(words, TOLD, this.heard, LOOK_AGAIN_MS)
      if (waiting.async) await waiting.value
    }
    const token = words[TOKENS + (heard % words[KEPT])]
    this.heard++
    return token === TAKEN ? undefined : token
  }
}
