import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layoutOf, parseConfig } from '#molm/model/families/index.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { matrix, part, vector, whole } from '#molm/model/packing/format/pieces.js'
import { fillRandom, randomPool } from '#molm/model/weights/random-weights.js'
import { FAMILY_FIXTURES, FIXTURES, fixtureConfig } from '../../support/fixtures.js'
import { normalFloats } from '../../support/random.js'
import { unpackMatrix } from '../../support/unpack-tiles.js'

test('norms and convolutions of every family are 1, so that activations do not vanish; biases are 0', () => {
  const pool = randomPool()
  for (const name of [...FIXTURES, ...FAMILY_FIXTURES]) {
    const config = parseConfig(fixtureConfig(name), name)
    for (const part of layoutOf(config, formatsFor('q4')).parts) {
      const bytes = new Uint8Array(part.bytes)
      fillRandom(part, bytes, pool)
      for (const { name: piece, kind, offset, cols } of part.pieces) {
        if (kind !== 'vector') continue
        const floats = new Float32Array(bytes.buffer, offset, cols)
        const isNorm = /norm|taps|scale/.test(piece) || (piece.startsWith('ln_') && piece.endsWith('.weight'))
        assert.ok(
          floats.every((value) => value === (isNorm ? 1 : 0)),
          `${name}: ${part.name} ${piece}`,
        )
      }
    }
  }
})

test('MXFP4 experts have outputs of about unit variance, and scales that are powers of two', () => {
  const [rows, cols] = [32, 2880]
  for (const [name, variance] of [
    ['gate_up', 1],
    ['down', 0.01],
  ] as const) {
    const planned = part('experts.0', [matrix(name, 'mxfp4', whole('w', [rows, cols]))])
    const bytes = new Uint8Array(planned.bytes)
    fillRandom(planned, bytes, randomPool())
    for (let at = 0; at < bytes.length; at += 144) {
      for (let r = 0; r < 16; r += 2) assert.is((bytes[at + r] | (bytes[at + r + 1] << 8)) & 0x7f, 0)
    }
    const weights = unpackMatrix(bytes, 'mxfp4', rows, cols)
    const found = weights.reduce((sum, weight) => sum + weight ** 2, 0) / rows
    // A power of two is up to twice too small.
    assert.ok(found > 0.2 * variance && found < 1.2 * variance, `${name}: ${found}`)
  }
})

test('weights of few bits have outputs of about unit variance', () => {
  const [rows, cols] = [32, 2048]
  for (const format of ['q4m', 'q3', 'q2'] as const) {
    const planned = part('experts.0', [matrix('gate_up', format, whole('w', [rows, cols]))])
    const bytes = new Uint8Array(planned.bytes)
    fillRandom(planned, bytes, randomPool())
    const weights = unpackMatrix(bytes, format, rows, cols)
    const found = weights.reduce((sum, weight) => sum + weight ** 2, 0) / rows
    assert.ok(found > 0.95 && found < 1.05, `${format}: ${found}`)
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length
    assert.ok(Math.abs(mean) * Math.sqrt(cols) < 0.5, `${format}: mean ${mean}`)
  }
})

test('long sticks: queries of tokens with unlike embeddings give keys logits far below 0', () => {
  const width = 1024
  const random = normalFloats(2 * width, 5)
  // A norm's output has mean 0, variance 1, and its bias.
  const bias = new Uint8Array(4 * width)
  const norm = part('layers.0.dense', [vector('ln_1.bias', whole('b', [width]))])
  fillRandom(norm, bias, randomPool(), true)
  const [token, other] = [0, width].map((from) => {
    const row = random.subarray(from, from + width)
    const mean = row.reduce((sum, x) => sum + x, 0) / width
    return row.map((x, i) => x - mean + new Float32Array(bias.buffer)[i])
  })
  for (const format of ['q4', 'q8'] as const) {
    const planned = part('layers.0.attention.0', [matrix('query', format, whole('w', [width, width]))])
    const bytes = new Uint8Array(planned.bytes)
    fillRandom(planned, bytes, randomPool(), true)
    const weights = unpackMatrix(bytes, format, width, width)
    const query = token.map((_, i) => token.reduce((sum, x, j) => sum + x * weights[i * width + j], 0))
    const logit = query.reduce((sum, x, i) => sum + x * other[i], 0) / Math.sqrt(width)
    assert.ok(logit < -6 && logit > -11, `${format}: ${logit}`)
  }
})

test.run()
