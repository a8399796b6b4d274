import type { Agreement, ComparedWindow } from './compare-on-text.js'
import type { WindowScore } from './score-windows.js'

export interface TextScore {
  file: string
  tokens: number
  scored: number
  /** Negative log-likelihood of those, in nats. */
  nll: number
  /** e^(nll / scored). */
  perplexity: number
  /** nll in bits, divided by the bytes of the text: comparable between models with different tokenizers. */
  bitsPerByte: number
  against?: Agreement
}

/** The score of a window, and its index in the text. Sums of its agreement with a reference, if one was given. */
export type ScoredWindow = WindowScore & Partial<ComparedWindow> & { window: number }

/** Scores of windows of a text: of all, or of those in a shard. */
export interface TextParts {
  file: string
  /** Tokens, bytes and windows of the whole text. */
  tokens: number
  bytes: number
  windows: number
  /** In the order of the text. */
  scores: ScoredWindow[]
}

/** Adds up the scores of all windows of a text, in their order, so that shards give the bits of one run. */
export function textScore({ file, tokens, bytes, scores }: TextParts): TextScore {
  const sum = (of: (score: ScoredWindow) => number) => scores.reduce((total, score) => total + of(score), 0)
  const scored = sum((score) => score.scored)
  const nll = sum((score) => score.nll)
  const isCompared = scores[0].divergence !== undefined
  return {
    file,
    tokens,
    scored,
    nll,
    perplexity: Math.exp(nll / scored),
    bitsPerByte: nll / Math.LN2 / bytes,
    ...(isCompared && {
      against: {
        klDivergence: sum(({ divergence = 0 }) => divergence) / scored,
        top1Agreement: sum(({ same = 0 }) => same) / scored,
      },
    }),
  }
}
