import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { maskInWords } from '#molm/model/config/mask-spec.js'

const test = suite('a mask in words')

test('it names the experts by layer and kind, neighbours as a range', () => {
  assert.is(maskInWords({ mlp: [[], [5]] }), 'layer 1 mlp expert 5')
  assert.is(
    maskInWords({ mlp: [[9, 5, 7, 8], []], attention: [[], [2]] }),
    'layer 1 attention expert 2 and layer 0 mlp experts 5, 7-9',
  )
})

test.run()
