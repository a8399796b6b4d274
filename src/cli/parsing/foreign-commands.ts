/** A command that other tools have and molm has not. */
interface ForeignCommand {
  /** The command of molm that does the same. */
  means?: string
  /** How to do it with molm, if no single command does. */
  hint?: string
  /** What follows it, other than models: a text, a model and its new name, or a model and a packing. */
  takes?: 'text' | 'name' | 'packing'
}

/** Commands of ollama, llm, aichat, llama.cpp, npm and the Hugging Face CLI. */
const FOREIGN: Readonly<Record<string, ForeignCommand>> = {
  ps: { hint: "a model runs only as long as its command; 'molm list' shows those on this computer" },
  stop: { hint: 'a model runs only as long as its command; Ctrl-C ends it' },
  models: { means: 'list' },
  remove: { means: 'rm' },
  delete: { means: 'rm' },
  uninstall: { means: 'rm' },
  info: { means: 'show' },
  install: { means: 'pull' },
  download: { means: 'pull' },
  update: { means: 'pull' },
  upgrade: { means: 'pull' },
  quantize: { hint: "'molm convert MODEL FOLDER --quant q8' packs a model again", takes: 'packing' },
  create: { hint: "'molm pull' and 'molm convert' make models; 'molm run -s TEXT' gives a system text" },
  cp: { hint: 'a model is a folder, which cp -r copies', takes: 'name' },
  push: { hint: 'molm uploads nothing' },
  login: { hint: "HF_TOKEN is the token that 'molm pull' sends" },
  search: {
    hint: "https://huggingface.co/models finds models, and 'molm pull OWNER/NAME' fetches one",
    takes: 'text',
  },
  logs: { hint: "molm keeps no logs; 'molm run --verbose' reports on one run" },
  config: { hint: "options and environment variables are all its settings; see 'molm run --help'" },
  embed: { hint: 'molm computes no embeddings', takes: 'text' },
}

/** A prompt that may have been meant as a command. */
export interface ForeignUse {
  /** The foreign command. */
  word: string
  /** The counterpart in molm, as the end of a sentence. */
  instead: string
  /** Whether it is almost certainly a command line; else it may be a prompt as well. */
  isCommandLine: boolean
}

/**
 * Looks at the words of a prompt, as the shell has split them. One word that is a foreign command is a command line, and
 * so are more if they are what the command would take. Undefined for all other prompts.
 */
export async function foreignUse([word, ...others]: readonly string[]): Promise<ForeignUse | undefined> {
  if (word === undefined || !Object.hasOwn(FOREIGN, word)) return undefined
  const { means, hint, takes } = FOREIGN[word]
  const isCommandLine = others.length === 0 || (await areTaken(others, takes))
  // Commands that take models alone are words of sentences as well: `delete all files`.
  if (!isCommandLine && others.length > 1 && takes !== 'text' && takes !== 'name') return undefined
  const lines = others.length === 0 ? [`'molm ${means}'`] : others.map((other) => `'molm ${means} ${other}'`)
  return { word, instead: hint ?? `did you mean ${lines.join(' and ')}?`, isCommandLine }
}

async function areTaken(words: readonly string[], takes: ForeignCommand['takes']): Promise<boolean> {
  // More words may be a question as well: `search for the answer`.
  if (takes === 'text') return words.length === 1
  if (takes === 'name') return words.length <= 2 && isModel(words[0])
  for (const word of words) {
    const isPacking = takes === 'packing' && /^(i?q\d\w*|b?f16|f32)$/i.test(word)
    if (!isPacking && !(await isModel(word))) return false
  }
  return true
}

/** Whether a word is a path, or the name of a model. */
export async function isModel(word: string): Promise<boolean> {
  if (/^(~|\.{1,2})?\//.test(word)) return true
  // Read when it is needed: most prompts begin with no such word.
  const { isModelName } = await import('../../library/model-folders.js')
  return isModelName(word)
}
