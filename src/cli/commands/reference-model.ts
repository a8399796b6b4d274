import { type ModelOptions, modelName } from '../parsing/options.js'

/**
 * Options of the model that another is compared with: it has the name that was given, and the exact weights unless that
 * name or its file says otherwise.
 */
export async function referenceOptions(
  against: string,
  { threads, quiet }: Pick<ModelOptions, 'threads' | 'quiet'>,
): Promise<ModelOptions> {
  const { describeModel } = await import('../../library/load-model.js')
  const { kind } = await describeModel(against)
  const asStored = kind === 'packed' || /:(f32|q8|q4)$/.test(against)
  return { model: modelName(against), threads, quiet, ...(asStored ? {} : { quant: 'f32' as const }) }
}
