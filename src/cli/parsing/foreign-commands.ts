/** A command of another tool that molm does not have. */
interface ForeignCommand {
  /** The equivalent command of molm. */
  means?: string
  /** How to do it with molm, if there is no equivalent command. */
  hint?: string
  /** Its arguments, if they are not models: a text, a model and its new name, or a model and a packing. */
  takes?: 'text' | 'name' | 'packing'
}

const CONVERSATIONS: ForeignCommand = {
  hint: "'molm chat --list' lists the conversations, and 'molm chat -c' continues the latest",
}

/** Commands of ollama, llm, aichat, llama.cpp, npm and the Hugging Face CLI. */
const FOREIGN: Readonly<Record<string, ForeignCommand>> = {
  ps: { hint: "a model runs only as long as its command; 'molm list' lists the models on this computer" },
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
  create: { hint: "'molm pull' and 'molm convert' make models; 'molm run -s TEXT' sets a system text" },
  cp: { hint: 'a model is a folder; copy it with cp -r', takes: 'name' },
  push: { hint: 'molm uploads nothing' },
  login: { hint: "'molm pull' sends the token in HF_TOKEN" },
  search: {
    hint: "https://huggingface.co/models finds models, and 'molm pull OWNER/NAME' fetches one",
    takes: 'text',
  },
  logs: { hint: "'molm chat --list' lists the conversations, and 'molm run --verbose' reports on one run" },
  history: CONVERSATIONS,
  conversations: CONVERSATIONS,
  sessions: CONVERSATIONS,
  chats: CONVERSATIONS,
  config: { hint: "molm has no settings file, only options and environment variables; see 'molm run --help'" },
  embed: { hint: 'molm computes no embeddings', takes: 'text' },
}

/** A prompt that may be meant as a command of another tool. */
export interface ForeignUse {
  word: string
  /** The equivalent in molm, as the end of a sentence. */
  instead: string
  /** Whether it is almost certainly a command line. Otherwise it may as well be a prompt. */
  isCommandLine: boolean
}

/**
 * Checks the words of a prompt, as split by the shell. A foreign command alone is a command line, and so is one with
 * arguments that it would take. Undefined for other prompts.
 */
export async function foreignUse([word, ...others]: readonly string[]): Promise<ForeignUse | undefined> {
  if (word === undefined || !Object.hasOwn(FOREIGN, word)) return undefined
  const { means, hint, takes } = FOREIGN[word]
  const isCommandLine = others.length === 0 || (await areTaken(others, takes))
  // The name of a command that takes models may begin a sentence, too: `delete all files`.
  if (!isCommandLine && others.length > 1 && takes !== 'text' && takes !== 'name') return undefined
  const lines = others.length === 0 ? [`'molm ${means}'`] : others.map((other) => `'molm ${means} ${other}'`)
  return { word, instead: hint ?? `did you mean ${lines.join(' and ')}?`, isCommandLine }
}

async function areTaken(words: readonly string[], takes: ForeignCommand['takes']): Promise<boolean> {
  // Several words may be a question: `search for the answer`.
  if (takes === 'text') return words.length === 1
  if (takes === 'name') return words.length <= 2 && isModel(words[0])
  for (const word of words) {
    const isPacking = takes === 'packing' && /^(i?q\d\w*|b?f16|f32)$/i.test(word)
    if (!isPacking && !(await isModel(word))) return false
  }
  return true
}

/** Whether a word is a path or the name of a model. */
export async function isModel(word: string): Promise<boolean> {
  if (/^(~|\.{1,2})?\//.test(word)) return true
  // Loaded on demand: few prompts begin with a foreign command.
  const { isModelName } = await import('../../library/packing/model-folders.js')
  return isModelName(word)
}
