import { cp, mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixturePath } from '../support/fixtures.js'
import { writeParrots } from './parrots.js'

const jsonLines = (...lines: unknown[]): string =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')

const [NODE, SCRIPT] = [process.execPath, fileURLToPath(new URL('../support/mcp-server.js', import.meta.url))]
/** Command that starts an MCP server. */
export const SERVER = `"${NODE}" "${SCRIPT}"`

const SHARED = 'The lantern is lit, and the boat is far away. The keeper waits for the boat. '.repeat(3)
const ADD = {
  type: 'function',
  function: {
    name: 'add',
    parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
  },
}
const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['thing', 'lit'],
  properties: { thing: { enum: ['lantern', 'boat'] }, lit: { type: 'boolean' } },
}
const AT = '2024-01-02T03:04:05.000Z'

/** Files that the commands read, by their names in the folder `in`. */
const FILES: Record<string, string> = {
  'notes.txt': 'The lantern is lit.\nThe boat is far away.\n',
  'question.txt': 'What is a lantern?\n',
  'messages.json': JSON.stringify([
    { role: 'user', content: 'What is a lantern?' },
    { role: 'assistant', content: 'A light inside a case.' },
  ]),
  'schema.json': JSON.stringify(SCHEMA),
  'list.gbnf': 'root ::= item{2,3}\nitem ::= "- " word "\\n"\nword ::= [a-z]{3,8}\n',
  'mask.json': '["2:mlp:0-4", "1:mlp:1-5"]',
  'task.jsonl': jsonLines(
    { context: 'The lantern is', choices: [' lit', ' xqzv'], answer: 0 },
    { context: 'A violin is a', choices: [' musical instrument', ' kind of bird'], answer: 1 },
  ),
  'batch.jsonl': jsonLines(
    { prompt: 'What is a lantern?' },
    { id: 'psalm', prompt: 'And the LORD said', raw: true, seed: 3, temperature: 1, logprobs: 1, maxTokens: 5 },
    { prompt: 'What is 23 + 45?', prefill: 'It', stats: true },
    { messages: [{ role: 'user', content: 'What is a ship?' }], max_tokens: 4, stop: [' a'] },
    { id: 5, prompt: 'Is a violin a bird?', regex: 'Yes|No' },
  ),
  'bad.jsonl': jsonLines(
    { prompt: 'Hi', maxTokens: 2 },
    'nonsense',
    { id: 'x', prompt: 'b', maxTokns: 3 },
    '',
    { prompt: 'b', temperature: -1 },
    { messages: [{ role: 'nobody', content: 'Hi' }] },
    { id: 'x', prompt: 'What is a ship?' },
  ),
  'shared.jsonl': jsonLines(
    ...['What is lit?', 'What is far away?', 'Who waits?'].map((prompt) => ({ prompt: SHARED + prompt })),
  ),
  'tools.jsonl': jsonLines(
    { prompt: 'Add them.', tools: [ADD] },
    { prompt: 'Add them.', tools: [ADD], toolChoice: 'none' },
    { prompt: 'Hi', tools: [ADD], tool_choice: 'required' },
    { prompt: 'Add them.', tools: 'add' },
  ),
  'forms.jsonl': jsonLines(
    { prompt: 'What is a lantern?', schema: SCHEMA },
    { prompt: 'Is a violin a bird?', grammar: 'root ::= "yes" | "no"' },
    { prompt: 'Hi', schema: { type: 'nothing' } },
  ),
  'home/conversations/20240102-030405-abcd.jsonl': jsonLines(
    { molm: 'conversation', version: 1, created: AT, model: 'nano' },
    { role: 'user', content: 'What is a lantern?', at: AT },
    { role: 'assistant', content: 'A light inside a case.', at: AT },
    { rename: 'lanterns' },
  ),
  'home/conversations/20240102-020304-bcde.jsonl': jsonLines(
    { molm: 'conversation', version: 1, created: AT, model: 'nano' },
    { role: 'user', content: 'What is 23 + 45?', at: '2024-01-02T02:03:04.000Z' },
    { role: 'assistant', content: '23 + 45 = 68', at: '2024-01-02T02:03:05.000Z' },
  ),
}

/** Fixtures that the commands read, by their names in the folder `models`. */
const FIXTURES: Record<string, string> = {
  base: '01-base-bin-f32',
  classifier: '13-classifier-safetensors-f32',
  granite: '21-granitemoe-f32',
  qwen: '41-qwen3moe-f32',
  gptoss: '72-gptoss-mxfp4',
  lfm2: '81-lfm2moe-f32',
  smallthinker: '151-smallthinker-f32',
  'qwen.gguf': 'gguf/qwen3moe-q4_k_m/model.gguf',
}

/** Writes the folders `in` and `models` that commands read. */
export async function writeInputs(folder: string): Promise<void> {
  const excerpt = async (text: string) => (await readFile(fixturePath(`texts/${text}`), 'utf8')).slice(0, 1500)
  const files = {
    ...FILES,
    'mcp.json': JSON.stringify({
      mcpServers: { sums: { command: NODE, args: [SCRIPT], tools: ['add'] }, off: { command: NODE, disabled: true } },
    }),
    'novel.txt': await excerpt('novels.txt'),
    'code.txt': await excerpt('code.txt'),
  }
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, 'in', name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    // Lists show the age of what has changed today, and the date of all else.
    await utimes(path, new Date(AT), new Date(AT))
  }
  for (const [name, fixture] of Object.entries(FIXTURES)) {
    await cp(fixturePath(fixture), join(folder, 'models', name), { recursive: true })
  }
  await writeParrots(join(folder, 'models'))
}
