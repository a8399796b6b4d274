/** A command of another tool that molm does not have. */
interface ForeignCommand {
  /** The equivalent command of molm. */
  means?: string
  /** How to do it with molm, if there is no equivalent command. */
  hint?: string
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
  quantize: { hint: "'molm convert MODEL FOLDER --quant q8' packs a model again" },
  create: { hint: "'molm pull' and 'molm convert' make models; 'molm run -s TEXT' sets a system text" },
  cp: { hint: 'a model is a folder; copy it with cp -r' },
  push: { hint: 'molm uploads nothing' },
  login: { hint: "'molm pull' sends the token in HF_TOKEN" },
  search: {
    hint: "https://huggingface.co/models finds models, and 'molm pull OWNER/NAME' fetches one",
  },
  logs: { hint: "'molm chat --list' lists the conversations, and 'molm run --verbose' reports on one run" },
  history: CONVERSATIONS,
  conversations: CONVERSATIONS,
  sessions: CONVERSATIONS,
  chats: CONVERSATIONS,
  config: { hint: "molm has no settings file, only options and environment variables; see 'molm run --help'" },
  embed: { hint: 'molm computes no embeddings' },
}

/**
 * The equivalent of another tool's command, as the end of a sentence. Undefined for a prompt: more than two words, unless a
 * model is the second.
 */
export async function insteadOf([word, ...others]: readonly string[]): Promise<string | undefined> {
  if (word === undefined || !Object.hasOwn(FOREIGN, word)) return undefined
  if (others.length > 1 && !(await isModel(others[0]))) return undefined
  const { means, hint } = FOREIGN[word]
  const lines = others.length === 0 ? [`'molm ${means}'`] : others.map((other) => `'molm ${means} ${other}'`)
  return hint ?? `did you mean ${lines.join(' and ')}?`
}

/** Whether a word is a path or the name of a model. */
export async function isModel(word: string): Promise<boolean> {
  if (/^(~|\.{1,2})?\//.test(word)) return true
  // Loaded on demand: few prompts begin with a foreign command.
  const { isModelName } = await import('../../library/packing/model-folders.js')
  return isModelName(word)
}
