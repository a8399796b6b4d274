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

/** Writes a model that is not shipped to a folder. */
export async function writeModel(folder: string, name: string): Promise<void> {
  const gap = { format: 'granite-code' as const, answers: [{ says: 'return a + b<fim_pad>another file' }] }
  if (name === 'plain') await cp(fixturePath('01-base-bin-f32'), join(folder, name), { recursive: true })
  else await writeParrot(join(folder, name), name === 'gap' ? gap : PARROTS[name])
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
  post('own-name', COMPLETIONS, { ...PROMPT, model: 'plain' }),
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

/** Serves another model under the name of nano, so that no record depends on nano's words. */
const asNano = (model: string) => ({ models: [model], args: ['-m', `./${model}`, '--alias', 'nano'] })

export const SERVERS: Served[] = [
  { name: 'texts', ...asNano('plain'), starts: [TEXTS] },
  { name: 'refusals', ...asNano('plain'), starts: [REFUSALS] },
  { name: 'forms', ...asNano('granite'), starts: [FORMED] },
  { name: 'ollama', ...asNano('qwen3'), starts: [OLLAMA] },
  ...Object.keys(PARROTS).map((name) => {
    return { name: `tools-${name}`, models: [name], args: ['-m', `./${name}`], starts: [toolAsks(name)] }
  }),
  { name: 'kept', models: ['plain'], args: [...asNano('plain').args, '--prompt-cache', './kept'], starts: KEPT },
  { name: 'counts', ...asNano('plain'), starts: [COUNTS] },
  { name: 'gap', models: ['gap'], args: ['-m', './gap'], starts: [GAPS] },
  { name: 'plain', models: ['plain'], args: ['-m', './plain'], starts: [PLAIN] },
  {
    name: 'several',
    models: ['plain', 'qwen3'],
    args: [
      '-m',
      './plain',
      '--alias',
      'small',
      '-m',
      './qwen3',
      '--alias',
      'thinker',
      '--verbose',
      '--memory',
      '600kB',
    ],
    starts: [SEVERAL],
  },
  {
    name: 'guarded',
    models: ['plain'],
    args: [...asNano('plain').args, '--api-key', KEY, '--cors', 'http://example.org'],
    starts: [GUARDED],
  },
  {
    name: 'masked',
    models: ['plain'],
    args: ['-m', './plain', '--mask', '2:mlp:5-7', '--alias', 'part', '--cors', '*', '--cache-type', 'q8'],
    starts: [MASKED],
  },
]
