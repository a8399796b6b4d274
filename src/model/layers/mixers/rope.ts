import { cos, log, pow, sin } from '../../../ground/elementary.js'
import type { RowSpan } from '../../../kernels/calls/places.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { Workspace } from '../workspace.js'

/** Settings of rotary position embeddings. */
export interface RopeConfig {
  theta: number
  /** Share of a head's channels that turn, the first ones; the others pass. Default: all turn. */
  share?: number
  /** Channels of these R that turn together: i and i + R / 2, or 2 i and 2 i + 1. Default: halves. */
  pairs?: 'halves' | 'neighbours'
  scaling:
    | { type: 'default' }
    /** proportional: whole heads turn, but by angles of 0 beyond the first `share` of the pairs. */
    | { type: 'proportional'; share: number }
    /** linear: all frequencies are divided by a factor. */
    | { type: 'linear'; factor: number }
    /** yarn: low frequencies are divided by a factor, high ones kept, others mixed; `attention` scales cos and sin. */
    | {
        type: 'yarn'
        factor: number
        /** Positions in the original training. */
        original: number
        betaFast: number
        betaSlow: number
        truncate: boolean
        attention: number
      }
}

const f32 = Math.fround

/** R, channels of a head that turn. Of an odd part one more turns, as in the reference code. */
export function turnedChannels(config: RopeConfig, headSize: number): number {
  return 2 * Math.ceil(partOf(config, headSize) / 2)
}

function partOf({ share = 1 }: RopeConfig, headSize: number): number {
  return Math.trunc(headSize * share)
}

/**
 * Frequencies of the R / 2 channel pairs that turn, in the float32 steps of the reference code: they differ from exact
 * ones by up to 7e-3 rad at position 1e5. The reference code combines a number of config.json with a float32 tensor;
 * such a number is rounded to float32 first.
 */
export function ropeFrequencies(config: RopeConfig, headSize: number): Float32Array {
  const { theta, scaling } = config
  const part = partOf(config, headSize)
  const power = Float32Array.from({ length: Math.ceil(part / 2) }, (_, i) => pow(f32(theta), f32((2 * i) / part)))
  switch (scaling.type) {
    case 'default':
      return power.map((p) => 1 / p)
    case 'proportional': {
      const turned = Math.floor((scaling.share * headSize) / 2)
      return power.map((p, i) => (i < turned ? 1 / p : 0))
    }
    case 'linear':
      return power.map((p) => f32(1 / p) / f32(scaling.factor))
    case 'yarn': {
      const factor = f32(scaling.factor)
      const kept = yarnKept(theta, scaling, part)
      return power.map((p, i) => f32(f32(1 / f32(factor * p)) * f32(1 - kept[i])) + f32(f32(1 / p) * kept[i]))
    }
  }
}

/**
 * Share of each frequency that YaRN keeps: 1 for frequencies that turn often within the original length, 0 for slow
 * ones. The reference code finds both ends of the ramp in double precision and computes the ramp itself in float32.
 */
function yarnKept(
  theta: number,
  { original, betaFast, betaSlow, truncate }: Extract<RopeConfig['scaling'], { type: 'yarn' }>,
  turned: number,
): Float32Array {
  const channel = (turns: number) => (turned * log(original / (turns * 2 * Math.PI))) / (2 * log(theta))
  const [low, high] = [channel(betaFast), channel(betaSlow)]
  const first = Math.max(truncate ? Math.floor(low) : low, 0)
  const end = Math.min(truncate ? Math.ceil(high) : high, turned - 1)
  const last = end === first ? end + 0.001 : end
  return Float32Array.from({ length: turned / 2 }, (_, i) => {
    return 1 - Math.min(1, Math.max(0, f32(f32(i - f32(first)) / f32(last - first))))
  })
}

/** Cosines and sines of the positions of a batch's tokens, [T, R / 2] each. */
export class Rope {
  readonly cos: Rows
  readonly sin: Rows
  readonly pairs: RopeConfig['pairs']
  private readonly frequencies: Float32Array
  private readonly size: number

  constructor(workspace: Workspace, config: RopeConfig, headSize: number) {
    this.frequencies = ropeFrequencies(config, headSize)
    this.cos = workspace.rows(1, this.frequencies.length)
    this.sin = workspace.rows(1, this.frequencies.length)
    this.pairs = config.pairs
    this.size = config.scaling.type === 'yarn' ? config.scaling.attention : 1
  }

  /** Prepares the tables for the tokens of a batch. */
  begin(spans: readonly RowSpan[]): void {
    for (const { first, count, position } of spans) {
      for (let i = 0; i < count; i++) this.prepare(first + i, position + i)
    }
  }

  private prepare(row: number, position: number): void {
    const { frequencies, size } = this
    const [c, s] = [this.cos.row(row), this.sin.row(row)]
    for (let i = 0; i < frequencies.length; i++) {
      const angle = f32(frequencies[i] * position)
      c[i] = size * f32(cos(angle))
      s[i] = size * f32(sin(angle))
    }
  }
}
