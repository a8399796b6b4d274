import type { SpecialTokens } from './special-tokens.js'
import type { TokenizerMetadata } from './tokenizer-metadata.js'

/** Names of sampling settings in generation_config.json, by key of the metadata, with their lowest values. */
const SAMPLING: readonly [key: string, name: string, lowest: number][] = [
  ['temp', 'temperature', 0],
  ['top_k', 'top_k', 0],
  ['top_p', 'top_p', 0],
  ['min_p', 'min_p', 0],
  ['penalty_repeat', 'repetition_penalty', 0],
]

/** The contents of generation_config.json. */
export function generationConfig(metadata: TokenizerMetadata, special?: SpecialTokens): object {
  const sampling = SAMPLING.flatMap(([key, name, lowest]): [string, number][] => {
    const full = `general.sampling.${key}`
    // Negative values switch a setting off, as 0 does.
    return metadata.has(full) ? [[name, Math.max(lowest, metadata.number(full))]] : []
  })
  const { byRole: { bos, pad } = {}, ends = [] } = special ?? {}
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(pad !== undefined && { pad_token_id: pad }),
    ...(sampling.length > 0 && { do_sample: true, ...Object.fromEntries(sampling) }),
  }
}
