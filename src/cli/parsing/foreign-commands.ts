/** Commands of ollama, llm, aichat, llama.cpp, npm and the Hugging Face CLI, with commands of molm that do the same. */
const EQUIVALENTS: Readonly<Record<string, string | undefined>> = Object.assign(Object.create(null), {
  ...{ models: 'list', remove: 'rm', delete: 'rm', uninstall: 'rm', info: 'show' },
  ...{ install: 'pull', download: 'pull', upgrade: 'update' },
})

const CONVERSATIONS = "'molm chat --list' lists the conversations, and 'molm chat -c' continues the latest"

/** Other commands of these tools, and how to do the same with molm. */
const HINTS: Readonly<Record<string, string | undefined>> = Object.assign(Object.create(null), {
  ps: "a model runs only as long as its command; 'molm list' lists the models on this computer",
  stop: 'a model runs only as long as its command; Ctrl-C ends it',
  quantize: "'molm convert MODEL FOLDER --quant q8' packs a model again",
  create: "'molm config save NAME -f ./Modelfile' makes a preset; 'molm pull' and 'molm convert' make models",
  cp: 'a model is a folder; copy it with cp -r',
  push: 'molm uploads nothing',
  login: "'molm pull' sends the token in HF_TOKEN",
  search: "https://huggingface.co/models finds models, and 'molm pull OWNER/NAME' fetches one",
  logs: "'molm chat --list' lists the conversations, and 'molm run --verbose' reports on one run",
  ...{ history: CONVERSATIONS, conversations: CONVERSATIONS, sessions: CONVERSATIONS, chats: CONVERSATIONS },
  embed: 'molm computes no embeddings',
})

/**
 * The equivalent of another tool's command, as the end of a sentence. Undefined for a prompt: more than two words, unless a
 * model is the second.
 */
export async function insteadOf([word = '', ...others]: readonly string[]): Promise<string | undefined> {
  const [equivalent, hint] = [EQUIVALENTS[word], HINTS[word]]
  if (!equivalent && !hint) return undefined
  if (others.length > 1 && !(await isModel(others[0]))) return undefined
  const lines = others.length === 0 ? [`'molm ${equivalent}'`] : others.map((other) => `'molm ${equivalent} ${other}'`)
  return hint ?? `did you mean ${lines.join(' and ')}?`
}

/** Whether a word is a path or the name of a model. */
export async function isModel(word: string): Promise<boolean> {
  if (/^(~|\.{1,2})?\//.test(word)) return true
  // Loaded on demand: few prompts begin with a foreign command.
  const { isModelName } = await import('../../library/folders/model-folders.js')
  return isModelName(word)
}
