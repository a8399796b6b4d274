import type { ReadOut, TokenEffect } from '../../../api/read-out.js'
import type { Decoder } from '../../../model/layers/decoder.js'

interface Asked {
  rows: readonly Float32Array[]
  top: number
  token?: number
}

/** Reads rows through the last norm and the head, and keeps the tokens that each pushes most. */
export function readOut(model: Decoder, { rows, top, token }: Asked): ReadOut[] {
  return Array.from(model.readOut(rows), ({ logits, divisor }) => ({
    divisor,
    ...(token !== undefined && { effect: logits[token] }),
    up: largest(logits, top, 1),
    down: largest(logits, top, -1),
  }))
}

/** The `count` tokens with the largest logits, or with the smallest for a sign of -1, the most extreme first. */
function largest(logits: Float32Array, count: number, sign: 1 | -1): TokenEffect[] {
  const found: TokenEffect[] = []
  for (let token = 0; token < logits.length; token++) {
    const value = logits[token]
    if (found.length === count && !(sign * value > sign * found[count - 1].value)) continue
    const place = found.findIndex((one) => sign * value > sign * one.value)
    found.splice(place < 0 ? found.length : place, 0, { token, value })
    if (found.length > count) found.pop()
  }
  return found
}
