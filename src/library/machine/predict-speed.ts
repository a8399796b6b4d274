import type { ModelConfig } from '../../model/config/config.js'
import { activeShare } from '../../model/config/experts-per-token.js'
import type { WeightFormat } from '../../model/packing/format/formats.js'
import type { Part, Piece } from '../../model/packing/format/layout.js'
import type { MachineSpeed, MeasuredFormat } from './machine-speed.js'

/** Tokens per second. */
export interface ModelSpeed {
  prefill: number
  decode: number
}

/** Memory below the size of the weights: experts that are not held are read when a token wakes them. */
export interface LittleMemory {
  /** Bytes of weights that are held. */
  memory: number
  /** Bytes a second at which experts are read. */
  reading: number
  /** Whether tokens wake all experts alike, as with random weights. Default: false. */
  isEven?: boolean
}

/**
 * A model of costs, for a prompt of 512 tokens and an answer at its beginning.
 *
 * - A token of an answer reads the weights that it uses once: their bytes, over the speed at which products with one
 *   row read this format from memory, and in every layer calls of all threads, whatever they compute.
 * - A token of a prompt costs its multiplications, over the speed of products with many rows. Attention multiplies
 *   floats, at a share of that speed.
 * - With too little memory, experts are read as well: for an answer the missed ones, for a prompt all that are not
 *   held, once a micro-batch.
 *
 * bench/compare-predictions.mjs compares it with `molm bench`.
 */
export function predictSpeed(
  config: ModelConfig,
  parts: readonly Part[],
  machine: MachineSpeed,
  little?: LittleMemory,
): ModelSpeed {
  let tokenSeconds = config.layers * config.mixtures.length * CALLS * machine.call
  let promptSeconds = (PROMPT / 2) * 2 * config.layers * config.width * (SLOWER_ATTENTION / machine.products.q4)
  for (const part of parts) {
    const share = activeShare(part, config)
    for (const piece of part.pieces.filter(({ kind }) => kind === 'matrix')) {
      const format = MEASURED_AS[piece.format]
      tokenSeconds += (share * piece.bytes) / machine.streamed[format]
      // A prompt needs the logits of its last token only.
      if (part.name !== 'lm_head') promptSeconds += (share * weightsOf(piece)) / machine.products[format]
    }
  }
  if (little) {
    const experts = parts.filter(({ expert }) => expert)
    const all = experts.reduce((sum, { bytes }) => sum + bytes, 0)
    const dense = parts.reduce((sum, { bytes }) => sum + bytes, 0) - all
    const held = Math.min(1, Math.max(0, (little.memory - dense) / all))
    const used = experts.reduce((sum, part) => sum + part.bytes * activeShare(part, config), 0)
    tokenSeconds += (used * missesOf(held, little.isEven ? 0 : SKEW)) / little.reading
    promptSeconds += (all * (1 - held)) / MICRO_BATCH / little.reading
  }
  return { prefill: 1 / promptSeconds, decode: 1 / tokenSeconds }
}

/** Calls of all threads in a layer with one mixture: norms, products, attention, sums. */
const CALLS = 12

const [PROMPT, MICRO_BATCH] = [512, 256]

/** Times as slow as products that attention multiplies. */
const SLOWER_ATTENTION = 3

/**
 * How much more often tokens wake some experts than others. Share of misses by share of experts held, in docs/SPEED.md:
 * 0.54 at 0.07, 0.12 at 0.33, 0.08 at 0.46.
 */
const SKEW = 10

function missesOf(held: number, skew: number): number {
  return (1 - held) / (1 + skew * held)
}

const MEASURED_AS: Record<WeightFormat, MeasuredFormat> = {
  ...{ q4: 'q4', q3: 'q4', q2: 'q4', q4m: 'q4m', q8: 'q8', f32: 'q8', mxfp4: 'mxfp4', mxfp4_f32: 'mxfp4' },
}

function weightsOf({ sources }: Piece): number {
  return sources.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
}
