import { readJsonIfPresent } from '../../ground/files/small-file.js'
import type { ModelConfig } from '../../model/config/config.js'

/** Whether more tokens count than any text had in training. Without positions, only the latest `context` count. */
export function isBeyondTraining(
  tokens: number,
  { trainedContext, maxPositions }: Pick<ModelConfig, 'trainedContext' | 'maxPositions'>,
  context = Infinity,
): boolean {
  const counting = maxPositions === undefined ? Math.min(tokens, context) : tokens
  return trainedContext > 0 && counting > trainedContext
}

/**
 * Returns the config with `trainedContext` limited to the tokenizer's `model_max_length` if the model has no positions.
 * ModuleFormer's config.json lacks the length of the texts in training: it has only the sizes of attention's blocks.
 */
export async function withTrainedContext(config: ModelConfig, dir: string): Promise<ModelConfig> {
  if (config.maxPositions !== undefined) return config
  // Errors in the tokenizer's files are reported when the tokenizer is loaded.
  const json = await readJsonIfPresent(dir, 'tokenizer_config.json').catch(() => undefined)
  const length = json?.model_max_length
  // Tokenizers without a limit have a huge number there.
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 1) return config
  return { ...config, trainedContext: Math.min(length, config.trainedContext || length) }
}
