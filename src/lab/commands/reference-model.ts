import { type ModelOptions, modelName } from '../../cli/parsing/options.js'

/**
 * Options of the model of `--against`: exact weights, unless its name or file has another format. A GGUF file has the
 * formats that it is packed in once: its weights as f32 can take eight times its size.
 */
export async function referenceOptions(
  against: string,
  { threads, quiet }: Pick<ModelOptions, 'threads' | 'quiet'>,
): Promise<ModelOptions> {
  const { describeModel } = await import('../../library/describe-model.js')
  const { kind } = await describeModel(against)
  const asStored = kind === 'packed' || kind === 'gguf' || /:(f32|q8|q4)$/.test(against)
  return { model: modelName(against), threads, quiet, ...(asStored ? {} : { quant: 'f32' as const }) }
}
