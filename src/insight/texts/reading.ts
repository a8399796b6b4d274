import type { Model, SessionOptions } from '../../api/model.js'
import type { ForwardOptions, ForwardResult, Session } from '../../api/session.js'
import { allowManyListeners } from '../../ground/platform/listeners.js'

/** Encodes a text as it is, without special tokens. */
export function encodePlain(model: Pick<Model, 'tokenizer'>, text: string, signal?: AbortSignal): Promise<number[]> {
  return model.tokenizer.encodeAsync(text, { addSpecialTokens: false, signal })
}

export async function encodeTexts(
  model: Pick<Model, 'tokenizer'>,
  texts: readonly { text: string }[],
  signal?: AbortSignal,
): Promise<number[][]> {
  const tokens: number[][] = []
  for (const { text } of texts) tokens.push(await encodePlain(model, text, signal))
  return tokens
}

/** Cuts a list into pieces of `size`; the last may be shorter. */
export function cut<T>(tokens: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(tokens.length / size) }, (_, i) => tokens.slice(i * size, (i + 1) * size))
}

export async function useModel<T>(model: Model, use: (model: Model) => Promise<T>): Promise<T> {
  try {
    return await use(model)
  } finally {
    await model.dispose()
  }
}

export async function useSession<T>(
  model: Model,
  use: (session: Session) => Promise<T>,
  options?: SessionOptions,
): Promise<T> {
  const session = model.createSession(options)
  try {
    return await use(session)
  } finally {
    session.dispose()
  }
}

/** Maximum tokens of all sequences under way: their caches take memory. */
const MOST_TOKENS = 4096

/** Number of sequences of `tokens` tokens that may be under way: `wanted`, fewer if they are long, at least two. */
export function sequencesAtOnce(tokens: number, wanted: number): number {
  return Math.max(2, Math.min(wanted, Math.floor(MOST_TOKENS / tokens)))
}

/**
 * Runs work with a new signal, which is aborted with the caller's. Many calls listen at once, and Node warns of a
 * leak if more than ten listen to one signal.
 */
export async function withOwnSignal<T>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const own = new AbortController()
  allowManyListeners(own.signal)
  const abort = () => own.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  try {
    return await work(own.signal)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** Length of windows if the model does not say how long the texts were that it learnt from. */
const DEFAULT_WINDOW = 1024

/** Tokens of a text that a model reads at once: as many as in its training. */
export function windowOf({ config }: Pick<Model, 'config'>): number {
  return config.trainedContext || DEFAULT_WINDOW
}

export interface WindowReading {
  window: number
  /** Called with the share that is done, from 0 to 1. */
  onProgress?: (share: number) => void
  signal?: AbortSignal
}

/**
 * Reads texts (as ids) in windows, each from its own beginning, and gives `take` the reports of each call and the number
 * of its tokens. A call has at most `most` tokens; the next one waits for `take`.
 */
export async function readWindows(
  model: Model,
  texts: readonly (readonly number[] | Int32Array)[],
  { window, most = window, onProgress, ...options }: WindowReading & { most?: number } & ForwardOptions,
  take: (result: ForwardResult, tokens: number) => void | Promise<void>,
): Promise<void> {
  const all = texts.reduce((sum, { length }) => sum + length, 0)
  let done = 0
  await useSession(model, async (session) => {
    for (const tokens of texts) {
      for (let at = 0, end = 0; at < tokens.length; at = end) {
        if (at % window === 0) session.reset()
        end = Math.min(at + most, at - (at % window) + window, tokens.length)
        await take(await session.forward(tokens.slice(at, end), { logits: 'none', ...options }), end - at)
        done += end - at
        onProgress?.(done / all)
      }
    }
  })
}
