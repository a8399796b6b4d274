import { UserError } from '../../ground/errors.js'

export interface EncodedText {
  name: string
  ids: Int32Array
}

/** Sequences of a text: nine tenths to train on, and a held-out tenth. */
export interface Dataset {
  name: string
  train: Int32Array[]
  heldOut: Int32Array[]
  /** Tokens at the beginning of each sequence that are given and not predicted. Default 0. */
  prompt?: number
  /** Whether the original model wrote it; the expected rise of its loss is then the divergence from that model. */
  isGenerated?: boolean
  /** Factor of `forget` for the accepted rise of its perplexity. Default 1. */
  allowance?: number
}

const TRAIN_SHARE = 0.9

export function trainTokens({ ids }: EncodedText): number {
  return Math.floor(ids.length * TRAIN_SHARE)
}

/** Cuts ids into sequences of `window` tokens. A last single token predicts nothing and is dropped. */
export function cutSequences(ids: Int32Array, window: number): Int32Array[] {
  const sequences: Int32Array[] = []
  for (let at = 0; at + 1 < ids.length; at += window) sequences.push(ids.slice(at, at + window))
  return sequences
}

/** Splits each text by tokens and holds out its last tenth. Throws a UserError if one is too short. */
export function splitTexts(texts: readonly EncodedText[], window: number): Dataset[] {
  return texts.map((text) => {
    const { name, ids } = text
    const cut = trainTokens(text)
    const dataset = {
      name,
      train: cutSequences(ids.subarray(0, cut), window),
      heldOut: cutSequences(ids.subarray(cut), window),
    }
    if (dataset.train.length > 0 && dataset.heldOut.length > 0) return dataset
    throw new UserError(`${name}: ${ids.length} tokens are too few: a tenth of them is held out, and must predict some`)
  })
}

export function countTokens(sequences: readonly Int32Array[]): number {
  return sequences.reduce((sum, { length }) => sum + length, 0)
}

/** Weights of a sequence's predictions: 0 in the prompt. Undefined if all count. */
export function lossWeights({ prompt = 0 }: Dataset, { length }: Int32Array): Float32Array | undefined {
  return prompt === 0 ? undefined : new Float32Array(length).fill(1).fill(0, 0, prompt)
}

/** Sequences spread over a dataset's held-out part, with about `wanted` tokens together; at least one. */
export function heldOutSample({ heldOut }: Dataset, wanted: number): Int32Array[] {
  const every = Math.min(heldOut.length, Math.max(1, countTokens(heldOut) / wanted))
  return Array.from({ length: Math.floor(heldOut.length / every) }, (_, i) => heldOut[Math.floor(i * every)])
}
