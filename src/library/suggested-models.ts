import { layoutOf } from '../architectures/index.js'
import { type PublishedShape, publishedShape } from '../architectures/published-shapes.js'
import { memoryNeeds } from '../hub/plan.js'
import { formatsFor } from '../packing/format.js'
import { summarise } from './model-info.js'

/** A published model that answers questions, with its costs when it is packed to q4. */
export interface SuggestedModel {
  /** Repository on the Hugging Face hub. */
  repo: string
  /** Memory of a computer that runs it with room for other programs, in GB. */
  computerGb: 8 | 16 | 32
  licence: string
  /** Bytes of the checkpoint, in bfloat16: what `pullModel` fetches. */
  fetchBytes: number
  /** Bytes of the packed weights on disk. */
  packedBytes: number
  /** Bytes of memory that the model takes with all of its weights loaded. */
  memoryBytes: number
  /**
   * Medians of `molm bench --shape SHAPE -p 512 -n 64 -r 3`, in tokens per second: random weights of the same shape, two
   * threads on two shared virtual cores of an AMD EPYC (Zen 4), Node 24.21.
   */
  speed: { prefill: number; decode: number }
}

type Measured = Pick<SuggestedModel, 'repo' | 'computerGb' | 'speed'> & { shape: PublishedShape }

const MODELS: readonly Measured[] = [
  {
    repo: 'ibm-granite/granite-3.1-1b-a400m-instruct',
    shape: 'granite-1b-a400m',
    computerGb: 8,
    speed: { prefill: 219, decode: 111 },
  },
  {
    repo: 'ibm-granite/granite-3.1-3b-a800m-instruct',
    shape: 'granite-3b-a800m',
    computerGb: 8,
    speed: { prefill: 97, decode: 52 },
  },
  {
    repo: 'allenai/OLMoE-1B-7B-0125-Instruct',
    shape: 'olmoe-1b-7b',
    computerGb: 16,
    speed: { prefill: 89, decode: 45 },
  },
  {
    repo: 'Qwen/Qwen3-30B-A3B-Instruct-2507',
    shape: 'qwen3-30b-a3b',
    computerGb: 32,
    speed: { prefill: 39, decode: 13 },
  },
]

/** Models to begin with, the smallest first. Bytes come from their shapes; the hub is not asked. */
export function suggestedModels(): SuggestedModel[] {
  const formats = formatsFor('q4')
  return MODELS.map(({ repo, shape, computerGb, speed }) => {
    const config = publishedShape(shape)
    const layout = layoutOf(config, formats)
    const { parts } = summarise(config, formats)
    const stored = parts.filter(({ name }) => name !== 'head' || !config.tieWordEmbeddings)
    return {
      repo,
      computerGb,
      licence: 'Apache-2.0',
      fetchBytes: 2 * stored.reduce((sum, { parameters }) => sum + parameters, 0),
      packedBytes: layout.bytes,
      memoryBytes: memoryNeeds(layout, 0).running,
      speed,
    }
  })
}
