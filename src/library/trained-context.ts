import { readJsonIfPresent } from '../checkpoint/text-files.js'
import type { ModelConfig } from '../model/config.js'

/** Whether more tokens count than any text had in training: of models that only look back so far, the latest `context`. */
export function isBeyondTraining(
  tokens: number,
  { trainedContext, maxPositions }: Pick<ModelConfig, 'trainedContext' | 'maxPositions'>,
  context = Infinity,
): boolean {
  const counting = maxPositions === undefined ? Math.min(tokens, context) : tokens
  return trainedContext > 0 && counting > trainedContext
}

/**
 * The config, with the length of the texts in training as the tokenizer's `model_max_length` has it, where that is less
 * than what config.json has room for. ModuleFormer's config.json has only the sizes of its attention's blocks.
 */
export async function withTrainedContext(config: ModelConfig, dir: string): Promise<ModelConfig> {
  // Whoever needs the tokenizer is told what is wrong with its files; nobody else is stopped by them.
  const json = await readJsonIfPresent(dir, 'tokenizer_config.json').catch(() => undefined)
  const length = json?.model_max_length
  // Tokenizers without a limit have some huge number there.
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 1) return config
  return { ...config, trainedContext: Math.min(length, config.trainedContext || length) }
}
