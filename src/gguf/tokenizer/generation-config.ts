import type { SpecialTokens } from './special-tokens.js'
import type { TokenizerMetadata } from './tokenizer-metadata.js'

const notNegative = (value: number) => Math.max(0, value)
const share = (value: number) => Math.min(1, notNegative(value))

/** Sampling settings: key, name in generation_config.json, and the value there. A value beyond its range is off. */
const SAMPLING: readonly [key: string, name: string, inRange: (value: number) => number][] = [
  ['temp', 'temperature', notNegative],
  ['top_k', 'top_k', (value) => Math.trunc(notNegative(value))],
  ['top_p', 'top_p', share],
  ['min_p', 'min_p', share],
  ['penalty_repeat', 'repetition_penalty', (value) => (value > 0 ? value : 1)],
]

/** The contents of generation_config.json. */
export function generationConfig(metadata: TokenizerMetadata, special?: SpecialTokens): object {
  const sampling = SAMPLING.flatMap(([key, name, inRange]): [string, number][] => {
    const full = `general.sampling.${key}`
    return metadata.has(full) ? [[name, inRange(metadata.number(full))]] : []
  })
  const { byRole: { bos, pad } = {}, ends = [] } = special ?? {}
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(pad !== undefined && { pad_token_id: pad }),
    ...(sampling.length > 0 && { do_sample: true, ...Object.fromEntries(sampling) }),
  }
}
