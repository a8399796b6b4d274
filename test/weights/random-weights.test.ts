import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layoutOf, parseConfig } from '#molm/architectures/index.js'
import { formatsFor } from '#molm/packing/format/formats.js'
import { fillRandom, randomPool } from '#molm/weights/random-weights.js'
import { FAMILY_FIXTURES } from '../support/family-fixtures.js'
import { FIXTURES, fixturePath } from '../support/fixtures.js'

test('norms of every family are 1, so that activations do not vanish; biases are 0', () => {
  const pool = randomPool()
  for (const name of [...FIXTURES, ...FAMILY_FIXTURES]) {
    const config = parseConfig(JSON.parse(readFileSync(fixturePath(`${name}/config.json`), 'utf8')), name)
    for (const part of layoutOf(config, formatsFor('q4')).parts) {
      const bytes = new Uint8Array(part.bytes)
      fillRandom(part, bytes, pool)
      for (const { name: piece, kind, offset, cols } of part.pieces) {
        if (kind !== 'vector') continue
        const floats = new Float32Array(bytes.buffer, offset, cols)
        const isNorm = piece.includes('norm') || (piece.startsWith('ln_') && piece.endsWith('.weight'))
        assert.ok(
          floats.every((value) => value === (isNorm ? 1 : 0)),
          `${name}: ${part.name} ${piece}`,
        )
      }
    }
  }
})

test.run()
