import { printable } from '../../../ground/printable.js'

/** Numbers of experts per token, in place of config.json's numbers. */
export const EXPERTS_PER_TOKEN_FILE = 'experts-per-token.json'

/** Files that go with the weights from a checkpoint into a packed model, if the checkpoint has them. */
const COMPANIONS = [
  ...['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'],
  ...['added_tokens.json', 'vocab.json', 'merges.txt', 'chat_template.jinja', 'README.md', EXPERTS_PER_TOKEN_FILE],
  ...['selection.json', 'atlas.json', 'teaching.csv', 'teaching.svg'],
]

/** Maximum bytes of a licence's name. File systems take 255, and the name of a partial file is longer. */
const MOST_NAME_BYTES = 200

/** Whether a file of a checkpoint goes with its packed weights. */
export function isCompanion(file: string): boolean {
  return COMPANIONS.includes(file) || (isLicence(file) && hasGoodName(file))
}

/** Licences of a checkpoint that are not copied, because their names are too long or could steer a terminal. */
export function licencesLeftOut(files: readonly string[]): string[] {
  return files.filter((file) => isLicence(file) && !hasGoodName(file))
}

function isLicence(file: string): boolean {
  return file.startsWith('LICENSE')
}

function hasGoodName(file: string): boolean {
  return printable(file, Infinity) === file && new TextEncoder().encode(file).length <= MOST_NAME_BYTES
}

/** Whether a companion names the experts of one model alone, so that a model made from it must not have it. */
export function isAtlas(file: string): boolean {
  return file === 'atlas.json'
}

/** Whether a companion is meant for people to read, and so may be a note of the user's own. */
export function isNote(file: string): boolean {
  return file === 'README.md' || isLicence(file)
}
