import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { parseConfig } from '#molm/model/families/index.js'

const test = suite('quantised checkpoints')

/** Message of the refusal of a config.json with these keys. */
function refusal(keys: Record<string, unknown>): string {
  try {
    parseConfig({ model_type: 'mixtral', ...keys }, 'config.json')
  } catch (error) {
    assert.instance(error, UserError)
    return (error as UserError).message
  }
  return assert.unreachable('accepted') as never
}

const INSTEAD = 'which molm does not read; use the original checkpoint, or a GGUF file of the model'

test('each method is refused by its name, with its sizes and what to do instead', () => {
  const refused: [Record<string, unknown>, string][] = [
    [{ quant_method: 'gptq', bits: 4, group_size: 128, desc_act: true }, 'with GPTQ, 4 bits in groups of 128'],
    [{ quant_method: 'gptq', bits: 8, group_size: -1 }, 'with GPTQ, 8 bits'],
    [{ quant_method: 'awq', bits: 4, group_size: 64, version: 'gemm' }, 'with AWQ, 4 bits in groups of 64'],
    [{ quant_method: 'awq', w_bit: 4, q_group_size: 128 }, 'with AWQ, 4 bits in groups of 128'],
    [{ quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }, 'with bitsandbytes'],
    [{ quant_method: 'fp8', weight_block_size: [128, 128] }, 'with FP8'],
    [{ quant_method: 'compressed-tensors', format: 'pack-quantized' }, 'with compressed-tensors'],
    [{ quant_method: 'exl2', bits: 4.25 }, 'with EXL2, 4.25 bits'],
    [{ quant_method: 'mxfp4' }, 'with MXFP4'],
    [{ quant_method: 'a new one' }, 'with "a new one"'],
  ]
  for (const [quantization_config, how] of refused) {
    const wanted = `config.json: the weights are quantised ${how} (quantization_config), ${INSTEAD}`
    assert.is(refusal({ quantization_config }), wanted)
  }
})

test('MLX is known by its key', () => {
  const quantization = { group_size: 64, bits: 4 }
  const wanted = `config.json: the weights are quantised with MLX, 4 bits in groups of 64 (quantization), ${INSTEAD}`
  assert.is(refusal({ quantization }), wanted)
  assert.is(refusal({ quantization, quantization_config: quantization }), wanted)
})

test('all families refuse it, also without a method', () => {
  for (const model_type of ['mixtral', 'moduleformer', 'gpt_oss']) {
    const message = refusal({ model_type, quantization_config: { bits: 4 } })
    assert.is(message, `config.json: the weights are quantised (quantization_config), ${INSTEAD}`)
  }
})

test('the name of an unknown method is made printable and short', () => {
  const message = refusal({ quantization_config: { quant_method: `\u001b[2J${'x'.repeat(1000)}` } })
  assert.not.ok(message.includes('\u001b'), message)
  assert.ok(message.length < 500, message)
})

test.run()
