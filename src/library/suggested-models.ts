import { layoutOf, publishedFormats } from '../model/families/index.js'
import { type PublishedShape, publishedShape } from '../model/families/published-shapes.js'
import { isMxfp4 } from '../model/packing/format/formats.js'
import { memoryNeeds } from './hub/plan.js'
import { summariseParts } from './model-info.js'

/** A published model that answers questions, with its costs as q4. */
export interface SuggestedModel {
  repo: string
  /** Memory, in GB, of a computer that runs it with room for other programs. */
  computerGb: 8 | 16 | 32
  licence: string
  /** Bytes of the checkpoint, in bfloat16 or with experts in MXFP4, which `pullModel` fetches. */
  fetchBytes: number
  packedBytes: number
  /** Bytes of memory that the model takes with all of its weights loaded. */
  memoryBytes: number
  /**
   * Medians of `molm bench --shape SHAPE -p 512 -n 64 -r 3`, in tokens per second: random weights of the same shape,
   * two threads on two shared virtual cores of an AMD EPYC (Zen 4), Node 24.21.
   */
  speed: { prefill: number; decode: number }
  /** Whether its answers have thoughts, as its published chat template shows. */
  thinks: boolean
  /** Whether it calls tools, as its published chat template shows. */
  callsTools: boolean
}

type Ability = 'thinks' | 'calls tools'
type Measured = [
  ...[repo: string, shape: PublishedShape, computerGb: 8 | 16 | 32, prefill: number, decode: number],
  ...abilities: Ability[],
]

const MODELS: readonly Measured[] = [
  ['ibm-granite/granite-3.1-1b-a400m-instruct', 'granite-1b-a400m', 8, 219, 111, 'calls tools'],
  ['ibm-granite/granite-3.1-3b-a800m-instruct', 'granite-3b-a800m', 8, 97, 52, 'calls tools'],
  ['allenai/OLMoE-1B-7B-0125-Instruct', 'olmoe-1b-7b', 16, 89, 45],
  ['Qwen/Qwen3-30B-A3B-Instruct-2507', 'qwen3-30b-a3b', 32, 39, 13, 'calls tools'],
]

/** Bytes of a weight as published. MXFP4 has 4 bits, and 8 of scale for each 32 weights. */
const BFLOAT16_BYTES = 2
const MXFP4_BYTES = (4 + 8 / 32) / 8

/** Models to begin with, the smallest first. Computes bytes from their shapes, without asking the hub. */
export function suggestedModels(): SuggestedModel[] {
  return MODELS.map(([repo, shape, computerGb, prefill, decode, ...abilities]) => {
    const config = publishedShape(shape)
    const formats = publishedFormats(config, 'q4')
    const layout = layoutOf(config, formats)
    const { parts } = summariseParts(config, formats)
    const stored = parts.filter(({ name }) => name !== 'head' || !config.tieWordEmbeddings)
    return {
      repo,
      computerGb,
      licence: 'Apache-2.0',
      fetchBytes: stored.reduce((sum, { name, parameters }) => {
        return sum + parameters * (name === 'mlp experts' && isMxfp4(formats.mlp) ? MXFP4_BYTES : BFLOAT16_BYTES)
      }, 0),
      packedBytes: layout.bytes,
      memoryBytes: memoryNeeds(layout, 0).running,
      speed: { prefill, decode },
      thinks: abilities.includes('thinks'),
      callsTools: abilities.includes('calls tools'),
    }
  })
}
