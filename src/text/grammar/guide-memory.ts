import { SHARES_MEMORY, sharedBuffer } from '../../ground/platform/threads.js'

/*
 * Memory that the engine, a guide and its owner share. A page that is not isolated cannot share it: there each has a copy,
 * and sends it to the others when it changes. Counts in it only grow, so the copy with the higher count is the newer one.
 */

/** Most tokens of one `forced` directive. */
export const MOST_FORCED = 64

/** Most tokens of a text that stay in memory: more than a server's longest text. */
const MOST_KEPT = 2 ** 15

/** Places of words. `KEPT` has the number of tokens that stay; the mask, or the message of a failure, follows them. */
export const [TOLD, ANSWERED, KIND, COUNT, KEPT, FORCED] = [0, 1, 2, 3, 4, 6]
const CLOSED = 5
export const TOKENS = FORCED + MOST_FORCED
/** Least room for the message of a failure, in words. */
const MESSAGE_WORDS = 256
/** Longest wait for a notification, in case one is lost. */
const LOOK_AGAIN_MS = 1000

/** A guide's memory, as messages carry it. */
export interface GuideMemory {
  buffer: SharedArrayBuffer
  /** Name of the channel between copies. Absent if memory is shared. */
  channel?: string
}

/** Words of a mask. */
export function maskWords(vocabSize: number): number {
  return Math.ceil(vocabSize / 32)
}

/** Memory for a guide. It is as small as it can be: threads that wait seldom free what they have let go. */
export function guideMemory(vocabSize: number, tokens = Infinity, isShared = SHARES_MEMORY): GuideMemory {
  const kept = Math.min(tokens + 1, MOST_KEPT)
  const buffer = sharedBuffer(4 * (TOKENS + kept + Math.max(maskWords(vocabSize), MESSAGE_WORDS)))
  new Int32Array(buffer)[KEPT] = kept
  return isShared ? { buffer } : { buffer, channel: `molm guide ${performance.timeOrigin} ${Math.random()}` }
}

/** The memory of a guide, as one of its threads sees it. */
export class GuideWords {
  readonly words: Int32Array
  /** Whether it hears by messages what others write. */
  readonly isCopy: boolean
  private channel?: InstanceType<typeof BroadcastChannel>
  private readonly waiting = new Set<() => void>()

  constructor({ buffer, channel }: GuideMemory) {
    this.words = new Int32Array(buffer)
    this.isCopy = channel !== undefined
    if (channel === undefined) return
    this.channel = new BroadcastChannel(channel)
    this.channel.onmessage = ({ data }: { data: Int32Array | undefined }) => this.received(data)
    // It asks for what the others have written since the copy was made.
    this.channel.postMessage(undefined)
  }

  get mask(): number {
    return TOKENS + this.words[KEPT]
  }

  /** Sets a word, the last of a change, for all threads. */
  publish(place: number, value: number): void {
    const { words, channel } = this
    Atomics.store(words, place, value)
    Atomics.notify(words, place)
    channel?.postMessage(words)
  }

  /** Ends the guide for all threads; one that waits for a token looks again. */
  close(): void {
    this.publish(CLOSED, 1)
    Atomics.notify(this.words, TOLD)
    this.closeChannel()
  }

  get isClosed(): boolean {
    return this.read(CLOSED) !== 0
  }

  read(place: number): number {
    return Atomics.load(this.words, place)
  }

  /** Resolves when a word may no longer have a value. */
  async changed(place: number, value: number): Promise<void> {
    if (this.isCopy) return new Promise((resolve) => this.waiting.add(resolve))
    const waiting = Atomics.waitAsync(this.words, place, value, LOOK_AGAIN_MS)
    if (waiting.async) await waiting.value
  }

  private received(others: Int32Array | undefined): void {
    const { words, channel, mask } = this
    if (!others) {
      if (words[TOLD] > 0 || words[ANSWERED] > 0) channel?.postMessage(words)
      return
    }
    const take = (from: number, to?: number) => words.set(others.subarray(from, to), from)
    if (others[TOLD] > words[TOLD]) {
      take(TOKENS, mask)
      take(TOLD, TOLD + 1)
    }
    if (others[ANSWERED] > words[ANSWERED]) {
      take(KIND, COUNT + 1)
      take(FORCED, TOKENS)
      take(mask)
      take(ANSWERED, ANSWERED + 1)
    }
    if (others[CLOSED] !== 0) {
      words[CLOSED] = 1
      this.closeChannel()
    }
    for (const wake of this.waiting) wake()
    this.waiting.clear()
  }

  private closeChannel(): void {
    this.channel?.close()
    this.channel = undefined
  }
}
