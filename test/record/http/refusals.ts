import { type Ask, assistant, CHAT, COMPLETIONS, get, post, RESPONSES, single, system, user } from './asks.js'

const JSON_TYPE = { 'Content-Type': 'application/json' }
const MESSAGES = [user('Hello')]
const ZERO = { layer: 0, part: 'mlp', replace: 'zero' }
const LONG = 'a b '.repeat(40_000)

/** Fields of completions and chat completions. */
const WRONG: Record<string, object> = {
  'unknown-field': { guidance: 2 },
  'misspelled-field': { max_token: 2 },
  'unknown-model': { model: 'gpt-4' },
  'model-number': { model: 7 },
  'temperature-negative': { temperature: -0.1 },
  'temperature-text': { temperature: 'hot' },
  'top-p': { top_p: 1.1 },
  'top-k': { top_k: 2.5 },
  'min-p': { min_p: -1 },
  'repetition-penalty': { repetition_penalty: 0 },
  seed: { seed: 0.5 },
  'seed-too-large': { seed: 1e19 },
  'max-tokens': { max_tokens: -1 },
  'stop-empty': { stop: [''] },
  'stop-number': { stop: 3 },
  'n-zero': { n: 0 },
  'n-many': { n: 129 },
  'stream-text': { stream: 'yes' },
  'stream-options': { stream: true, stream_options: { include_obfuscation: true } },
  'experts-all': { routed_experts: 'all' },
  'lookup-negative': { prompt_lookup_num_tokens: -1 },
  'frequency-penalty': { frequency_penalty: 0.5 },
  'presence-penalty': { presence_penalty: -1 },
  'logit-bias': { logit_bias: { 50: 10 } },
  'metadata-list': { metadata: [1] },
  'mask-text': { mask: '2:mlp:5' },
  'mask-form': { mask: ['mlp'] },
  'mask-layer': { mask: ['99:mlp:1'] },
  'mask-expert': { mask: ['2:mlp:99'] },
  'mask-all': { mask: ['2:mlp:0-7'] },
  'interventions-object': { interventions: {} },
  'interventions-layer': { interventions: [ZERO, { ...ZERO, layer: 99 }] },
  'interventions-tensor': { interventions: [{ ...ZERO, replace: { tensor: 'a', file: 'b' } }] },
  'answer-too-large': { max_tokens: 300_000, n: 9 },
}

const CHATTED: Record<string, object> = {
  'messages-missing': { messages: undefined },
  'messages-empty': { messages: [] },
  'messages-text': { messages: 'Hello' },
  'message-number': { messages: [7] },
  'role-unknown': { messages: [{ role: 'robot', content: 'a' }] },
  'role-missing': { messages: [{ content: 'a' }] },
  'content-missing': { messages: [{ role: 'user' }] },
  'content-number': { messages: [user(7)] },
  'message-field': { messages: [{ ...user('a'), weight: 1 }] },
  'message-name': { messages: [{ ...user('a'), name: 7 }] },
  image: { messages: [user([{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }])] },
  audio: { messages: [user([{ type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } }])] },
  refusal: { messages: [user('a'), { ...assistant('b'), refusal: 'no' }] },
  modalities: { modalities: ['audio'] },
  'top-logprobs-alone': { top_logprobs: 3 },
  'top-logprobs': { logprobs: true, top_logprobs: 21 },
  'max-tokens-twice': { max_tokens: 3, max_completion_tokens: 4 },
  tools: { tools: [{ type: 'function', function: { name: 'f' } }] },
  reasoning: { reasoning: { effort: 'low' } },
  'include-reasoning': { include_reasoning: false },
  'too-long': { messages: [user(LONG)] },
  'too-long-stream': { messages: [user(LONG)], stream: true },
  suffix: { suffix: 'a' },
}

const COMPLETED: Record<string, object> = {
  'prompt-missing': { prompt: undefined },
  'prompt-null': { prompt: null },
  'prompt-empty': { prompt: '' },
  'prompt-no-list': { prompt: [] },
  'prompt-mixed': { prompt: ['a', 7] },
  'prompt-number': { prompt: 7 },
  'prompt-unknown-id': { prompt: [5000] },
  'prompts-many': { prompt: Array(129).fill('a'), n: 2 },
  'echo-number': { echo: 1 },
  logprobs: { logprobs: 21 },
  'best-of': { best_of: 3 },
  suffix: { suffix: 'a' },
  'suffix-echo': { suffix: 'a', echo: true },
  'too-long': { prompt: LONG },
  'experts-too-long': { prompt: Array(4_200).fill(300), routed_experts: true },
  messages: { messages: MESSAGES },
}

const RESPONDED: Record<string, object> = {
  'input-missing': { input: undefined },
  'input-empty': { input: [] },
  'input-number': { input: 7 },
  'item-unknown': { input: [{ type: 'item_reference', id: 'a' }] },
  'item-field': { input: [{ ...user('a'), weight: 1 }] },
  image: { input: [user([{ type: 'input_image', image_url: 'data:image/png;base64,aGk=' }])] },
  'arguments-wrong': { input: [{ type: 'function_call', call_id: 'a', name: 'f', arguments: '[' }] },
  previous: { previous_response_id: 'resp_1' },
  conversation: { conversation: 'conv_1' },
  background: { background: true },
  truncation: { truncation: 'auto' },
  'tool-type': { tools: [{ type: 'file_search' }] },
  tools: { tools: [{ type: 'function', name: 'f' }] },
  'format-unknown': { text: { format: { type: 'xml' } } },
  'schema-wrong': { text: { format: { type: 'json_schema', name: 'a', schema: { type: 'wrong' } } } },
  'effort-unknown': { reasoning: { effort: 'huge' } },
  'max-tokens': { max_output_tokens: -1 },
  'max-tokens-of-chat': { max_tokens: 3 },
  'include-text': { include: 'all' },
  'too-long': { input: LONG },
}

const TYPES: Record<string, Record<string, string>> = {
  none: {},
  text: { 'Content-Type': 'text/plain' },
  form: { 'Content-Type': 'application/x-www-form-urlencoded' },
  charset: { 'Content-Type': 'application/json; charset=utf-8' },
  vendor: { 'Content-Type': 'application/vnd.api+json' },
}

/** Bodies that are no object. */
const BODIES: Record<string, string> = {
  empty: '',
  open: '{"prompt":',
  comma: '{"prompt":"a",}',
  text: '"a"',
  list: '[{"prompt":"a"}]',
  null: 'null',
  deep: `{"prompt":${'['.repeat(70)}${']'.repeat(70)}}`,
  twice: '{"prompt":"a","prompt":"b","max_tokens":1,"temperature":0}',
  prototype: '{"prompt":"a","__proto__":{"n":1}}',
  'long-name': `{"prompt":"a","${'k'.repeat(5_000)}":1}`,
  'not-unicode': '{"prompt":"\\ud800","max_tokens":1,"temperature":0}',
}

const UNKNOWN = ['/v1/embeddings', '/v1/responses/input_tokens', '/v1/conversations', '/infill']
const MISSPELLED = ['/chat/completions', '/v1/v1/completions', '/v1/completions/', '/v1/images/generations', '/schemas']

const greedy = { temperature: 0, max_tokens: 8 }

export const REFUSALS: Ask[] = [
  ...single('chat', CHAT, { messages: MESSAGES, ...greedy }, { ...WRONG, ...CHATTED }),
  ...single('completion', COMPLETIONS, { prompt: 'a', ...greedy }, { ...WRONG, ...COMPLETED }),
  ...single('response', RESPONSES, { input: 'a', temperature: 0, max_output_tokens: 8 }, RESPONDED),
  ...Object.entries(TYPES).map(([end, headers]) =>
    post(`type-${end}`, COMPLETIONS, { prompt: 'a', ...greedy }, headers),
  ),
  ...Object.entries(BODIES).map(([end, body]) => post(`body-${end}`, COMPLETIONS, body)),
  // The server refuses it by its length and does not wait for the rest.
  post('body-too-large', COMPLETIONS, '{', { ...JSON_TYPE, 'Content-Length': String(5 * 2 ** 20) }),
  ...UNKNOWN.map((path) => post(`unknown${path.replaceAll('/', '-')}`, path, {})),
  ...MISSPELLED.map((path, i) => post(`misspelled-${i + 1}`, path, { prompt: 'a' })),
  get('unknown-get', '/v2'),
  get('unknown-encoded', '/%2e%2e/package.json'),
  get('unknown-above', '/page/../../package.json'),
  get('unknown-wrong-code', '/v1/models/%zz'),
  get('stored-response', '/v1/responses/resp_1'),
  get('stored-response-deleted', '/v1/responses/resp_1', {}, 'DELETE'),
  get('get-chat', CHAT),
  get('put-chat', CHAT, {}, 'PUT'),
  get('delete-model', '/v1/models/nano', {}, 'DELETE'),
  post('post-health', '/health', {}),
  get('head-health', '/health', {}, 'HEAD'),
  get('head-models', '/v1/models', {}, 'HEAD'),
  get('head-style', '/page/style.css', {}, 'HEAD'),
  get('options-chat', CHAT, { Origin: 'http://example.org', 'Access-Control-Request-Method': 'POST' }, 'OPTIONS'),
  get('other-host', '/v1/models', { Host: 'example.org' }),
  get('other-host-health', '/health', { Host: 'example.org:80' }),
  get('localhost', '/health', { Host: 'localhost:1' }),
  get('address', '/health', { Host: '[::1]:1' }),
  get('large-head', '/health', { 'X-Large': 'a'.repeat(20_000) }),
  post('system-only', CHAT, { messages: [system('Be brief.')], ...greedy }),
]
