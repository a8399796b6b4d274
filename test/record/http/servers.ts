import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fixturePath } from '../../support/fixtures.js'
import { writeParrot } from '../../support/parrot-model.js'
import { type Ask, both, CHAT, COMPLETIONS, get, post, type Served, table, user } from './asks.js'
import { FORMED } from './forms.js'
import { OLLAMA } from './ollama.js'
import { REFUSALS } from './refusals.js'
import { COUNTS, KEPT, TEXTS } from './texts.js'
import { PARROTS, toolAsks } from './tools.js'

/** Writes the models that are not shipped to a folder. */
export async function writeModels(folder: string): Promise<void> {
  for (const [name, parrot] of Object.entries(PARROTS)) await writeParrot(join(folder, name), parrot)
  const gap = { format: 'granite-code' as const, answers: [{ says: 'return a + b<fim_pad>another file' }] }
  await writeParrot(join(folder, 'gap'), gap)
  await cp(fixturePath('01-base-bin-f32'), join(folder, 'plain'), { recursive: true })
}

const HELLO = { messages: [user('Hi')], temperature: 0, max_tokens: 8 }
const PROMPT = { prompt: 'A lantern is', temperature: 0, max_tokens: 8 }
const KEY = 'secret key'
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` })
const PREFLIGHT = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' }

const GAPS: Ask[] = [
  ...table(
    'completion',
    COMPLETIONS,
    { prompt: 'def add(a, b):\n    ', suffix: '\n\nprint(add(1, 2))', temperature: 0, max_tokens: 40 },
    {
      gap: {},
      'no-suffix': { suffix: '' },
      prompts: { prompt: ['def add(a, b):\n    ', 'a = '], n: 2 },
      logprobs: { logprobs: 1 },
      echo: { echo: true },
    },
  ),
  ...both('generate', '/api/generate', { prompt: 'def add(a, b):\n    ', suffix: '\n', options: { temperature: 0 } }),
  post('show', '/api/show', { model: 'gap' }),
]

const PLAIN: Ask[] = [
  ...table('completion', COMPLETIONS, PROMPT, {
    greedy: {},
    sampled: { temperature: 1, seed: 7 },
    form: { regex: '[a-z]{4}' },
  }),
  ...table('chat', CHAT, HELLO, { greedy: {}, system: { messages: [{ role: 'system', content: 'a' }, user('b')] } }),
  post('chat-tools', CHAT, { ...HELLO, tools: [{ type: 'function', function: { name: 'f' } }] }),
  post('chat-thinking', CHAT, { ...HELLO, reasoning_effort: 'low' }),
  ...both('generate', '/api/generate', { prompt: 'A lantern is', options: { temperature: 0, num_predict: 8 } }),
  post('generate-system', '/api/generate', { prompt: 'a', system: 'b' }),
  get('models', '/v1/models'),
  get('atlas', '/experts/atlas'),
  get('tokenizer-info', '/tokenizer_info'),
  post('show', '/api/show', { model: 'plain' }),
]

const SEVERAL: Ask[] = [
  get('models-at-first', '/v1/models'),
  get('health-at-first', '/health'),
  post('first', COMPLETIONS, PROMPT),
  post('second', CHAT, { ...HELLO, model: 'thinker' }),
  post('second-stream', CHAT, { ...HELLO, model: 'thinker', stream: true }),
  get('models-after', '/v1/models'),
  get('model', '/v1/models/thinker'),
  post('first-again', COMPLETIONS, { ...PROMPT, model: 'small' }),
  post('own-name', COMPLETIONS, { ...PROMPT, model: 'nano' }),
  post('own-name-of-second', CHAT, { ...HELLO, model: 'qwen3' }),
  post('unknown', COMPLETIONS, { ...PROMPT, model: 'other' }),
  post('tokenize', '/tokenize', { model: 'thinker', prompt: 'A lantern' }),
  post('ollama', '/api/chat', { model: 'thinker:latest', messages: [user('Hi')], options: { temperature: 0 } }),
  get('experts', '/experts?model=small'),
  get('experts-of-second', '/experts?model=thinker'),
  get('atlas-of-second', '/experts/atlas?model=thinker'),
  get('tokenizer-of-second', '/tokenizer_info?model=thinker'),
  get('tags', '/api/tags'),
  get('ps', '/api/ps'),
  get('health', '/health'),
  get('metrics', '/metrics'),
]

const GUARDED: Ask[] = [
  get('no-key', '/v1/models'),
  get('wrong-key', '/v1/models', bearer('other')),
  get('other-scheme', '/v1/models', { Authorization: `Basic ${KEY}` }),
  get('key', '/v1/models', bearer(KEY)),
  get('lower-case', '/v1/models', { authorization: `bearer   ${KEY} ` }),
  get('other-host', '/v1/models', { ...bearer(KEY), Host: 'example.org' }),
  get('open-health', '/health'),
  get('open-icon', '/page/icon.svg', {}, 'HEAD'),
  get('metrics-without-key', '/metrics'),
  get('unknown-without-key', '/v2'),
  post('chat-without-key', CHAT, HELLO),
  post('ollama-without-key', '/api/chat', HELLO),
  post('chat', CHAT, HELLO, { 'Content-Type': 'application/json', ...bearer(KEY) }),
  get('preflight', CHAT, { Origin: 'http://example.org', ...PREFLIGHT }, 'OPTIONS'),
  get('preflight-other', CHAT, { Origin: 'http://example.com', ...PREFLIGHT }, 'OPTIONS'),
  get('origin', '/v1/models', { Origin: 'http://example.org', ...bearer(KEY) }),
  get('origin-without-key', '/v1/models', { Origin: 'http://example.org' }),
  post(
    'origin-stream',
    CHAT,
    { ...HELLO, stream: true },
    { 'Content-Type': 'application/json', Origin: 'http://example.org', ...bearer(KEY) },
  ),
]

const MASKED: Ask[] = [
  get('models', '/v1/models'),
  ...table('completion', COMPLETIONS, PROMPT, {
    plain: {},
    experts: { routed_experts: true, max_tokens: 2 },
    mask: { mask: ['2:mlp:1'] },
  }),
  get('experts', '/experts'),
  get('preflight', CHAT, { Origin: 'http://example.org', ...PREFLIGHT }, 'OPTIONS'),
]

const PAGE: Ask[] = [
  get('first', '/'),
  get('icon', '/page/icon.svg'),
  get('style', '/page/style.css'),
  get('favicon', '/favicon.ico'),
  get('unknown-module', '/page/modules/none.js'),
  get('unknown-file', '/page/none.css'),
  post('posted', '/', {}),
]

/** All servers, those with much to do first. */
export const SERVERS: Served[] = [
  { name: 'nano', args: [], starts: [TEXTS] },
  { name: 'refusals', args: [], starts: [REFUSALS] },
  { name: 'forms', args: [], starts: [FORMED] },
  { name: 'ollama', args: [], starts: [OLLAMA] },
  ...Object.keys(PARROTS).map((name): Served => ({ name, args: ['-m', `./${name}`], starts: [toolAsks(name)] })),
  { name: 'kept', args: ['--prompt-cache', './kept'], starts: KEPT },
  { name: 'counts', args: [], starts: [COUNTS] },
  { name: 'gap', args: ['-m', './gap'], starts: [GAPS] },
  { name: 'plain', args: ['-m', './plain'], starts: [PLAIN] },
  {
    name: 'several',
    args: ['-m', 'nano', '--alias', 'small', '-m', './qwen3', '--alias', 'thinker', '--verbose', '--memory', '7.8MB'],
    starts: [SEVERAL],
  },
  { name: 'guarded', args: ['--api-key', KEY, '--cors', 'http://example.org'], starts: [GUARDED] },
  {
    name: 'masked',
    args: ['--mask', '3:mlp:5,7-9', '--alias', 'part', '--cors', '*', '--cache-type', 'q8'],
    starts: [MASKED],
  },
  { name: 'page', args: [], starts: [PAGE], hasPage: true },
]
