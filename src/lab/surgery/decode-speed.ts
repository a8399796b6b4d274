import { resultOf } from '../../api/generation-events.js'
import type { Model } from '../../api/model.js'
import { useSession } from '../../insight/texts/reading.js'

const PROMPT_TOKENS = 32
const GENERATED_TOKENS = 64
const RUNS = 3

/** Measures the tokens a second of a generation after the beginning of a text: the median of three short runs. */
export async function decodeSpeed(model: Model, text: readonly number[], signal?: AbortSignal): Promise<number> {
  const speeds: number[] = []
  for (let run = 0; run <= RUNS; run++) speeds.push(await decodeOnce(model, text, signal))
  // The first run does not count: it reads experts and warms the code.
  return median(speeds.slice(1))
}

export async function decodeOnce(model: Model, text: readonly number[], signal?: AbortSignal): Promise<number> {
  const options = { maxTokens: GENERATED_TOKENS, temperature: 0, stop: [], ignoreEos: true, signal }
  const { decodeMs } = await useSession(model, (session) =>
    resultOf(session.generate(text.slice(0, PROMPT_TOKENS), options)),
  )
  return ((GENERATED_TOKENS - 1) * 1000) / decodeMs
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
