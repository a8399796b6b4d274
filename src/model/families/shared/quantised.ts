import { UserError } from '../../../ground/errors.js'
import { isObject } from '../../../ground/json/json.js'
import { type ConfigReader, quoted } from '../../config/config-reader.js'

/** Ways of quantising a checkpoint, as users call them; `quant_method` of config.json has them in small letters. */
const METHODS = [
  ...['AQLM', 'AWQ', 'BitNet', 'bitsandbytes', 'compressed-tensors', 'EETQ', 'EXL2', 'EXL3', 'FP8', 'GPTQ', 'HQQ'],
  ...['ModelOpt', 'MXFP4', 'Quanto', 'Quark', 'TorchAO', 'VPTQ'],
]
/** Methods that config.json names in another way. */
const OTHERS = new Map([
  ['auto-round', 'AutoRound'],
  ['intel/auto-round', 'AutoRound'],
  ['fbgemm_fp8', 'FP8'],
])

/** Whether a config.json describes a checkpoint whose experts are stored as MXFP4. */
export function saysMxfp4({ quantization_config: quantisation }: Record<string, unknown>): boolean {
  return isObject(quantisation) && quantisation.quant_method === 'mxfp4'
}

/** Throws a UserError, which names the method, if the weights of a checkpoint are quantised. */
export function refuseQuantised(keys: ConfigReader): void {
  const { quantization_config: quantisation, quantization: mlx } = keys.raw
  // MLX writes `quantization`, and later versions the same object under both keys.
  if (isObject(mlx) && mlx.bits !== undefined) throw refusal(keys.source, 'quantization', 'MLX', mlx)
  if (!keys.has('quantization_config')) return
  const known = isObject(quantisation) ? quantisation : {}
  throw refusal(keys.source, 'quantization_config', methodOf(known), known)
}

function methodOf({ quant_method: method }: Record<string, unknown>): string | undefined {
  if (typeof method !== 'string') return undefined
  return OTHERS.get(method) ?? METHODS.find((name) => name.toLowerCase() === method) ?? quoted(method)
}

function refusal(source: string, key: string, method: string | undefined, details: Record<string, unknown>): UserError {
  const how = method === undefined ? '' : ` with ${method}${sizesOf(details)}`
  return new UserError(
    `${source}: the weights are quantised${how} (${key}), which molm does not read; use the original checkpoint, ` +
      'or a GGUF file of the model',
  )
}

/** The bits of a weight and the size of a group, if they are given. */
function sizesOf(details: Record<string, unknown>): string {
  const bits = numberOf(details.bits ?? details.w_bit)
  const group = numberOf(details.group_size ?? details.q_group_size)
  if (bits === undefined) return ''
  return group === undefined ? `, ${bits} bits` : `, ${bits} bits in groups of ${group}`
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < 2 ** 16 ? value : undefined
}
