import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError, UserError } from '#molm/ground/errors.js'
import { maskInWords, maskSpecs, parseMask, scaledMask } from '#molm/model/config/mask-spec.js'
import { maskOfJson } from '#molm/model/config/read-mask.js'

const config = {
  layers: 3,
  mixtures: [
    { kind: 'attention', experts: [4, 4, 4], topK: 1 },
    { kind: 'mlp', experts: [8, 8, 8], topK: 2 },
  ],
} as unknown as Parameters<typeof parseMask>[1]

test('specs of several layers and kinds become one mask, and are written again as they are read', () => {
  const mask = parseMask(['2:mlp:5,1-3', '0:attention:2', '2:mlp:3,7'], config)
  assert.equal(mask, { attention: [[2], [], []], mlp: [[], [], [1, 2, 3, 5, 7]], gates: 'all' })
  assert.equal(maskSpecs(mask), ['0:attention:2', '2:mlp:1,2,3,5,7'])
  assert.equal(parseMask(maskSpecs(mask), config), mask)
})

test('specs with a push steer experts, the last one of an expert counts, and a push of 0 frees it', () => {
  const mask = parseMask(['2:mlp:5=+1.50', '2:mlp:1,2=-2', '0:attention:2=always', '2:mlp:2', '2:mlp:1=0'], config)
  assert.equal(mask.mlp, [[], [], [2]])
  assert.equal(mask.pushes, { attention: [[{ id: 2, by: 'always' }], [], []], mlp: [[], [], [{ id: 5, by: 1.5 }]] })
  assert.equal(maskSpecs(mask), ['0:attention:2=always', '2:mlp:2', '2:mlp:5=+1.5'])
  assert.equal(parseMask(maskSpecs(mask), config), mask)
  assert.is(
    maskInWords(mask),
    'layer 0 attention expert 2 (always) and layer 2 mlp expert 2 and layer 2 mlp expert 5 (+1.5)',
  )
  assert.equal(parseMask(['2:mlp:5=never'], config), parseMask(['2:mlp:5'], config))
  assert.equal(maskSpecs(scaledMask(mask, -2)), ['0:attention:2=always', '2:mlp:2', '2:mlp:5=-3'])
  for (const push of ['x', '101', 'NaN'])
    assert.throws(() => parseMask([`2:mlp:5=${push}`], config), isUsage(/a push is/))
})

test('other forms are refused with an example', () => {
  const wrong = [
    '',
    '3',
    '1:mlp',
    '1:mlp:',
    '1:mlp:x',
    '1:ffn:2',
    '-1:mlp:2',
    '1:mlp:3-1',
    '1:mlp:1,',
    '1:mlp:0-9999999',
  ]
  for (const spec of wrong) assert.throws(() => parseMask([spec], config), isUsage(/LAYER:KIND:IDS, like 3:mlp:5,7-9/))
  assert.throws(() => parseMask(['3:mlp:1'], config), isUsage(/mask '3:mlp:1': the model has layers 0 to 2/))
  assert.throws(() => parseMask(['1:mlp:2,7-8'], config), isUsage(/layer 1 has mlp experts 0 to 7$/))
  const { layers, mixtures } = config
  const dense = { layers, mixtures: mixtures.slice(1) } as typeof config
  assert.throws(() => parseMask(['1:attention:0'], dense), isUsage(/the model has no attention experts/))
})

test('a message about a mask has no characters that control a terminal', () => {
  const hostile = '\u001b]0;x\u0007\u009b2J\n\u202e'
  for (const read of [
    () => parseMask([hostile], config),
    () => parseMask(['\u2028\n9:mlp:1'], config),
    () => parseMask(['\n1:mlp:1=101'], config),
    () => maskOfJson(Buffer.from(JSON.stringify({ [hostile]: 1 })), `${hostile.replace('\n', '')}.json`, config),
  ]) {
    assert.throws(read, (error: Error) => error instanceof UserError && !/[\p{Cc}\u2028\u202e]/u.test(error.message))
  }
})

function isUsage(message: RegExp) {
  return (error: Error) => error instanceof UsageError && message.test(error.message)
}

test('a mask file has a list of specs or an object of ids by kind, and its errors name it', () => {
  const read = (value: unknown) => maskOfJson(Buffer.from(JSON.stringify(value)), 'mask.json', config)
  assert.equal(read(['2:mlp:5']).mlp, [[], [], [5]])
  assert.equal(read({ model: 'any', experts: ['2:mlp:5=-1'] }), parseMask(['2:mlp:5=-1'], config))
  assert.equal(read({ mlp: [[], [1], []] }), { mlp: [[], [1], []], gates: 'all' })
  assert.throws(() => read(['2:ffn:5']), /^mask\.json: /)
  assert.throws(() => read('2:mlp:5'), /mask\.json: a mask is a list like/)
  assert.throws(
    () => read({ mpl: [] }),
    /mask\.json: a mask has no key "mpl"; there are attention, mlp, pushes, gates, instead/,
  )
})

test('a mask in words names the experts by layer and kind, neighbours as a range', () => {
  assert.is(maskInWords({ mlp: [[], [5]] }), 'layer 1 mlp expert 5')
  assert.is(
    maskInWords({ mlp: [[9, 5, 7, 8], []], attention: [[], [2]] }),
    'layer 1 attention expert 2 and layer 0 mlp experts 5, 7-9',
  )
})

test.run()
