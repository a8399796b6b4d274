import { type Ask, assistant, get, post, single, system, table, user } from './asks.js'

const CHAT = '/api/chat'
const GENERATE = '/api/generate'
const QUESTION = user('What is a lantern?')
const GREEDY = { temperature: 0, num_predict: 24 }
const SCHEMA = { type: 'object', properties: { a: { enum: ['yes', 'no'] } }, required: ['a'] }

/** Fields of both endpoints. */
const OPTIONS: Record<string, object> = {
  greedy: {},
  sampled: {
    options: { num_predict: 24, temperature: 1, seed: 7, top_k: 30, top_p: 0.9, min_p: 0.02, repeat_penalty: 1.2 },
  },
  'all-top-k': { options: { num_predict: 24, temperature: 1, seed: 7, top_k: -1 } },
  stop: { options: { ...GREEDY, stop: ['case'] } },
  'no-limit': { options: { temperature: 0, num_predict: -1 } },
  'small-context': { options: { temperature: 0, num_ctx: 20 } },
  'no-drafts': { options: { ...GREEDY, draft_num_predict: 0 } },
  loading: { options: { ...GREEDY, num_gpu: 1, num_thread: 2, mirostat: 0, use_mmap: true } },
  json: { format: 'json', options: { temperature: 0, num_predict: 60 } },
  schema: { format: SCHEMA },
  'no-format': { format: '' },
  think: { think: true },
  logprobs: { logprobs: true, top_logprobs: 2, options: { ...GREEDY, num_predict: 4 } },
  latest: { model: 'nano:latest', keep_alive: '5m' },
}

const CHATTED: Record<string, object> = {
  system: { messages: [system('Answer in one word.'), QUESTION] },
  turns: { messages: [QUESTION, assistant('A light.'), user('Why?')] },
  load: { messages: [] },
}

const GENERATED: Record<string, object> = {
  system: { system: 'Answer in one word.' },
  raw: { raw: true, prompt: 'A lantern is' },
  'raw-logprobs': { raw: true, prompt: 'A lantern is', logprobs: true, top_logprobs: 1 },
  load: { prompt: '' },
}

const REFUSED: Record<string, object> = {
  unload: { messages: [], prompt: '', keep_alive: 0 },
  'unknown-option': { options: { heat: 3 } },
  'wrong-option': { options: { temperature: 'hot' } },
  'wrong-format': { format: 'xml' },
  'wrong-think': { think: 'huge' },
  mirostat: { options: { mirostat: 2 } },
  template: { template: '{{ .Prompt }}' },
  'unknown-model': { model: 'other' },
  'bad-schema': { format: { type: 'wrong' } },
  truncated: { truncate: true },
  'too-long': { messages: [user('a b '.repeat(40_000))], prompt: 'a b '.repeat(40_000) },
}

const SHARED = { model: 'nano', options: GREEDY }
const chat = { ...SHARED, messages: [QUESTION] }
const generate = { ...SHARED, prompt: 'What is a lantern?' }
/** Bodies without a field that the other endpoint has. */
const without = (field: string) =>
  Object.fromEntries(Object.entries(REFUSED).map(([end, fields]) => [end, { ...fields, [field]: undefined }]))

export const OLLAMA: Ask[] = [
  get('tags', '/api/tags'),
  get('ps', '/api/ps'),
  get('version', '/api/version'),
  post('show', '/api/show', { model: 'nano' }),
  post('show-name', '/api/show', { name: 'nano:latest', verbose: true }),
  post('show-unknown', '/api/show', { model: 'other' }),
  post('show-nothing', '/api/show', {}),
  ...table('chat', CHAT, chat, { ...OPTIONS, ...CHATTED }),
  ...single('generate', GENERATE, { ...generate, stream: false }, OPTIONS),
  ...table('generate', GENERATE, generate, GENERATED),
  ...single('chat-refused', CHAT, chat, without('prompt')),
  ...single('generate-refused', GENERATE, generate, without('messages')),
  post('chat-image', CHAT, { messages: [{ ...QUESTION, images: ['aGk='] }], options: GREEDY }),
  post('chat-bad-role', CHAT, { messages: [{ role: 'robot', content: 'a' }] }),
  post('chat-tools', CHAT, { ...chat, tools: [{ type: 'function', function: { name: 'f' } }] }),
  post('generate-image', GENERATE, { ...generate, images: ['aGk='] }),
  post('generate-suffix', GENERATE, { ...generate, suffix: 'b' }),
  post('generate-raw-system', GENERATE, { ...generate, raw: true, system: 'a' }),
  post('chat-bad-json', CHAT, '{"messages":'),
  post('chat-any-type', CHAT, { ...chat, stream: false }, { 'Content-Type': 'application/x-www-form-urlencoded' }),
  post('chat-from-a-page', CHAT, chat, { 'Content-Type': 'text/plain', Origin: 'http://example.org' }),
  ...['embed', 'embeddings', 'pull', 'push', 'create', 'copy'].map((end) =>
    post(end, `/api/${end}`, { model: 'nano' }),
  ),
  { ...post('delete', '/api/delete', { model: 'nano' }), method: 'DELETE' },
  get('blobs', '/api/blobs/sha256:00', {}, 'HEAD'),
]
