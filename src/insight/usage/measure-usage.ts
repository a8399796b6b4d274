import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { encodePlain, useSession } from '../texts/reading.js'
import { bitsOf } from './text-colours.js'
import { CHUNK, type Reader, readerOf, TextRoutes } from './text-routes.js'

export interface MeasureUsageOptions {
  onPromptProgress?: (progress: PromptProgress) => void
  signal?: AbortSignal
  /** Ids that a pruned model's experts had before, as `originalExperts` reads them. */
  originals?: Reader['originals']
  /** Also measure the surprise of each token. Default: false. */
  surprise?: boolean
}

/**
 * Runs a text through a model, without a chat template or special tokens, and reports the experts that each token
 * wakes. Rejects with a UserError if the model has no experts or the text no tokens.
 *
 * @example
 * const prose = await measureUsage(model, { name: 'prose', text: 'The lantern is lit.' })
 * prose.usage.of('mlp', 3).counts     // for each MLP expert of layer 3, the times it was chosen
 * await writeFile('prose.svg', renderSvg(drawUsage([prose])))
 */
export async function measureUsage(
  model: Model,
  text: string | { name: string; text: string },
  options: MeasureUsageOptions = {},
): Promise<TextRoutes> {
  const { signal, originals, ...reading } = options
  const named = typeof text === 'string' ? { name: 'text', text } : text
  if (model.config.mixtures.length === 0) throw new UserError(`${model.name} has no experts`)
  const tokens = await encodePlain(model, named.text, signal)
  if (tokens.length === 0) throw new UserError(`${named.name}: there is no text in it`)
  return readUsage(model, named.name, tokens, { reader: readerOf(model, originals), signal, ...reading })
}

/** Reports the experts that each of these tokens wakes. */
export async function readUsage(
  model: Model,
  name: string,
  tokens: readonly number[],
  { reader, signal, onPromptProgress, surprise }: Omit<MeasureUsageOptions, 'originals'> & { reader: Reader },
): Promise<TextRoutes> {
  const read = new TextRoutes(name, tokens, reader)
  const bits: (number | undefined)[] = [undefined]
  const started = performance.now()
  await useSession(model, async (session) => {
    for (let first = 0; first < tokens.length; first += CHUNK) {
      const chunk = tokens.slice(first, first + CHUNK)
      const total = tokens.length
      const ofWhole = ({ processed }: PromptProgress) =>
        onPromptProgress?.({ processed: first + processed, total, timeMs: performance.now() - started })
      const next = tokens.slice(first + 1, first + 1 + chunk.length)
      const { routes = [], logprobs } = await session.forward(chunk, {
        logits: 'none',
        routes: true,
        signal,
        // Targets follow the last tokens of a call; one without meaning follows the last token of the text.
        ...(surprise && { targets: next.length === chunk.length ? next : [...next, 0] }),
        ...(onPromptProgress && { onPromptProgress: ofWhole }),
      })
      read.add(routes, chunk.length)
      if (logprobs) bits.push(...Array.from(logprobs.subarray(0, next.length), bitsOf))
    }
  })
  if (surprise) read.surprise = bits
  return read
}
