import type { GgufFile } from './gguf-file.js'
import { textsOf } from './tokenizer/texts.js'

/**
 * The contents of tokenizer.json, tokenizer_config.json (with the chat template) and generation_config.json for a file,
 * by file name. Without a tokenizer that molm supports, tokenizer.json is left out and `onProblem` receives a message
 * with the reason; the model then runs without text. Throws a UserError that names the file and the key of an impossible
 * value.
 */
export function ggufTexts(
  { metadata }: Pick<GgufFile, 'metadata'>,
  onProblem: (message: string) => void = () => {},
): Record<string, string> {
  const { files, problem } = textsOf(metadata)
  if (problem !== undefined) onProblem(problem)
  return files
}
