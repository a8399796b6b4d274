/** A command that other tools have and molm has not. */
interface ForeignCommand {
  /** The command of molm that does the same. */
  means?: string
  /** How to do it with molm, if no single command does. */
  hint?: string
  /** Whether it takes a text, so that any second word belongs to it; else only a model's name does. */
  takesText?: true
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
  quantize: { means: 'convert' },
  create: { hint: "'molm pull' and 'molm convert' make models; 'molm run -s TEXT' gives a system text" },
  cp: { hint: 'a model is a folder, which cp -r copies' },
  push: { hint: 'molm uploads nothing' },
  login: { hint: "HF_TOKEN is the token that 'molm pull' sends" },
  search: {
    hint: "https://huggingface.co/models finds models, and 'molm pull OWNER/NAME' fetches one",
    takesText: true,
  },
  logs: { hint: "molm keeps no logs; 'molm run --verbose' reports on one run" },
  config: { hint: "options and environment variables are all its settings; see 'molm run --help'" },
  embed: { hint: 'molm computes no embeddings', takesText: true },
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
 * so are two if the second is what the command would take. Undefined for all other prompts.
 */
export async function foreignUse(words: readonly string[]): Promise<ForeignUse | undefined> {
  const [word, second] = words
  if (words.length === 0 || words.length > 2 || !Object.hasOwn(FOREIGN, word)) return undefined
  const { means, hint, takesText } = FOREIGN[word]
  const instead = hint ?? `did you mean 'molm ${[means, second].filter(Boolean).join(' ')}'?`
  const isCommandLine = second === undefined || takesText === true || (await isModel(second))
  return { word, instead, isCommandLine }
}

/** Whether a word is a path, or the name of a model. */
export async function isModel(word: string): Promise<boolean> {
  if (/^(~|\.{1,2})?\//.test(word)) return true
  // Read when it is needed: most prompts begin with no such word.
  const { isModelName } = await import('../library/likely-name.js')
  return isModelName(word)
}
