import {
  type Ask,
  assistant,
  both,
  CHAT,
  COMPLETIONS,
  get,
  post,
  RESPONSES,
  single,
  system,
  table,
  user,
} from './asks.js'

const QUESTION = user('What is a lantern?')
const GREEDY = { temperature: 0, max_tokens: 6 }
const SAMPLED = { temperature: 1, seed: 7 }
const MASK = ['2:mlp:5-7', '0:attention:2']

/** Fields of completions and chat completions. */
const OPTIONS: Record<string, object> = {
  greedy: {},
  sampled: SAMPLED,
  'seed-negative': { ...SAMPLED, seed: -3 },
  'seed-largest': { ...SAMPLED, seed: Number.MAX_SAFE_INTEGER, n: 2 },
  'top-k': { ...SAMPLED, top_k: 3 },
  'top-p': { ...SAMPLED, top_p: 0.3 },
  'min-p': { ...SAMPLED, min_p: 0.2 },
  hot: { temperature: 3, seed: 7, top_k: 0, top_p: 1 },
  filters: { temperature: 1.5, seed: 7, top_k: 30, top_p: 0.9, min_p: 0.02, repetition_penalty: 1.2 },
  'repetition-penalty': { repetition_penalty: 1.5 },
  'own-defaults': { temperature: undefined, max_tokens: 12, seed: 7 },
  stop: { stop: 'case' },
  stops: { stop: ['that', ' a light'] },
  n: { ...SAMPLED, n: 3 },
  'one-token': { max_tokens: 1 },
  'no-token': { max_tokens: 0 },
  'ignore-eos': { ignore_eos: true, max_tokens: 8 },
  mask: { mask: MASK },
  'mask-again': { mask: MASK, max_tokens: 8 },
  interventions: { interventions: [{ layer: 1, part: 'residual', tokens: [1], replace: 'zero' }] },
  experts: { routed_experts: true, max_tokens: 3 },
  'experts-of-answer': { routed_experts: 'answer', max_tokens: 3 },
  'experts-with-mask': { routed_experts: 'answer', max_tokens: 3, mask: ['2:mlp:0-3'] },
  'no-lookup': { prompt_lookup_num_tokens: 0 },
  nulls: { stop: null, tools: null, mask: null, guidance: null },
  labels: { user: 'u', metadata: { run: '7' }, store: true, service_tier: 'auto', prompt_cache_key: 'k' },
  neutral: { frequency_penalty: 0, presence_penalty: 0, logit_bias: {} },
  named: { model: 'nano' },
  latest: { model: 'nano:latest' },
}

const COMPLETED: Record<string, object> = {
  texts: { prompt: ['A lantern is', 'A ship is'] },
  'texts-and-n': { prompt: ['A lantern is', 'A ship is'], n: 2, ...SAMPLED },
  ids: { prompt: [32, 300, 310] },
  'lists-of-ids': {
    prompt: [
      [32, 300],
      [310, 7],
    ],
  },
  logprobs: { logprobs: 0 },
  'logprobs-3': { logprobs: 3, max_tokens: 6 },
  echo: { echo: true },
  'echo-logprobs': { echo: true, logprobs: 2, max_tokens: 2 },
  scored: { echo: true, logprobs: 1, max_tokens: 0 },
  'echo-experts': { echo: true, routed_experts: true, max_tokens: 2 },
  'special-token': { prompt: 'A lantern.<|endoftext|>A ship' },
  'not-ascii': { prompt: 'Zürich 🏮 и', logprobs: 1, echo: true, max_tokens: 4 },
  'best-of': { best_of: 1 },
  'empty-suffix': { suffix: '' },
}

const CHATTED: Record<string, object> = {
  logprobs: { logprobs: true },
  'logprobs-3': { logprobs: true, top_logprobs: 3, max_tokens: 6 },
  'max-completion-tokens': { max_tokens: undefined, max_completion_tokens: 5 },
  system: { messages: [system('Answer in one word.'), QUESTION] },
  developer: { messages: [{ role: 'developer', content: 'Answer in one word.' }, QUESTION] },
  parts: {
    messages: [
      user([
        { type: 'text', text: 'What is ' },
        { type: 'text', text: 'a lantern?' },
      ]),
    ],
  },
  continued: { messages: [QUESTION, assistant('A lantern is a')] },
  labelled: { messages: [{ ...QUESTION, name: 'Ann' }], verbosity: 'low', modalities: ['text'] },
  predicted: { prediction: { type: 'content', content: 'A lantern' } },
  'special-token': { messages: [user('What is <|endoftext|>?\nUser: a ship')] },
  'no-thoughts': { reasoning_effort: 'low' },
  'no-budget': { enable_thinking: true, thinking_budget: 4 },
  'template-variables': { chat_template_kwargs: { date: 'today', list: [null] } },
  calls: {
    messages: [
      QUESTION,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'a light' },
    ],
  },
  'no-tools': { tools: [], tool_choice: 'auto', parallel_tool_calls: false },
}

const RESPONDED: Record<string, object> = {
  text: {},
  instructions: { instructions: 'Answer in one word.' },
  items: {
    input: [QUESTION, { type: 'message', ...assistant([{ type: 'output_text', text: 'A light.' }]) }, user('Why?')],
  },
  sampled: { temperature: 1, seed: 7, top_p: 0.9, top_k: 50, min_p: 0.01, repetition_penalty: 1.1 },
  cut: { max_output_tokens: 3 },
  stop: { stop: ['case'] },
  logprobs: { include: ['message.output_text.logprobs'], top_logprobs: 2, max_output_tokens: 4 },
  mask: { mask: MASK },
  object: { text: { format: { type: 'json_object' } }, max_output_tokens: 60 },
  labels: { metadata: { a: '1' }, store: false, user: 'u', truncation: 'disabled', max_tool_calls: 3 },
}

const LONG = 'A lantern is a light inside a case that can be carried. '.repeat(40)

const CHAT_BODY = { messages: [QUESTION], ...GREEDY }
const PROMPT_BODY = { prompt: 'A lantern is', ...GREEDY }

export const TEXTS: Ask[] = [
  ...single('chat', CHAT, CHAT_BODY, OPTIONS),
  ...table('chat', CHAT, CHAT_BODY, CHATTED),
  ...single('completion', COMPLETIONS, PROMPT_BODY, OPTIONS),
  ...table('completion', COMPLETIONS, PROMPT_BODY, COMPLETED),
  ...table('response', RESPONSES, { input: 'What is a lantern?', temperature: 0, max_output_tokens: 6 }, RESPONDED),
  ...both('chat-progress', CHAT, { messages: [user(LONG)], ...GREEDY, return_progress: true }),
  ...both('completion-progress', COMPLETIONS, { prompt: LONG, ...GREEDY, return_progress: true }),
  post('chat-progress-again', CHAT, { messages: [user(LONG)], ...GREEDY, stream: true, return_progress: true }),
]

/** Conversations whose turns alternate, so that each finds what an earlier one has read. */
const TURNS: Record<string, object[]> = {
  '1': [QUESTION],
  '2': [QUESTION, assistant('A lantern is a light inside a case that can be carried.'), user('What is a ship?')],
  'other-1': [user('What is a ship?')],
  '3-other-answer': [QUESTION, assistant('A lantern is a tree.'), user('What is a ship?')],
  '2-again': [QUESTION, assistant('A lantern is a light inside a case that can be carried.'), user('What is a ship?')],
  'long-1': [user(`${LONG} What is a ship?`)],
  'long-2': [user(`${LONG} What is a lantern?`)],
  'long-3': [user(LONG), assistant('Yes.'), user('What is a ship?')],
}

/** Prompts with shared beginnings, and what a second server finds of them. */
export const KEPT: Ask[][] = [
  [
    ...Object.entries(TURNS).flatMap(([end, messages]) => both(`turn-${end}`, CHAT, { messages, ...GREEDY })),
    post('long-with-mask', CHAT, { messages: TURNS['long-1'], ...GREEDY, mask: MASK }),
    post('long-with-experts', COMPLETIONS, { prompt: LONG, ...GREEDY, max_tokens: 1, routed_experts: 'answer' }),
  ],
  [
    post('restarted-long', CHAT, { messages: TURNS['long-1'], ...GREEDY }),
    post('restarted-longer', CHAT, { messages: [...TURNS['long-3'], assistant('A boat.'), QUESTION], ...GREEDY }),
    post('restarted-short', CHAT, { messages: [QUESTION], ...GREEDY }),
    post('restarted-with-mask', CHAT, { messages: TURNS['long-1'], ...GREEDY, mask: MASK }),
  ],
]

const STEADY = { prompt: 'A lantern is', temperature: 0, max_tokens: 12, prompt_lookup_num_tokens: 0 }
const TYPE = { 'Content-Type': 'application/json' }

/** The counts of experts, and metrics. Drafts would be counted, too. */
export const COUNTS: Ask[] = [
  get('metrics-at-first', '/metrics'),
  get('experts-at-first', '/experts'),
  post('mark', '/experts/mark', { name: 'news' }),
  post('work', COMPLETIONS, STEADY),
  post('work-stream', COMPLETIONS, { ...STEADY, prompt: 'A ship is', stream: true }),
  get('experts', '/experts'),
  get('experts-since', '/experts?since=news'),
  get('experts-of-model', '/experts?model=nano'),
  post('mark-moved', '/experts/mark', { name: 'news', model: 'nano' }),
  get('experts-since-moved', '/experts?since=news'),
  get('experts-since-unknown', '/experts?since=olds'),
  get('experts-unknown-parameter', '/experts?until=news'),
  get('experts-unknown-model', '/experts?model=other'),
  post('lens', '/experts/lens', { prompt: [300, 301, 302] }),
  post('lens-of-text', '/experts/lens', { prompt: 'a text' }),
  post('mark-without-name', '/experts/mark', {}),
  post('mark-empty', '/experts/mark', { name: '' }),
  post('mark-too-long', '/experts/mark', { name: 'a'.repeat(65) }),
  get('atlas', '/experts/atlas'),
  get('health', '/health'),
  get('models', '/v1/models'),
  get('model', '/v1/models/nano'),
  get('model-unknown', '/v1/models/other'),
  get('tokenizer-info', '/tokenizer_info'),
  post('tokenize', '/tokenize', { prompt: 'A lantern is a light. Zürich 🏮' }),
  post('tokenize-texts', '/tokenize', { prompt: 'A lantern', add_special_tokens: false, return_token_strs: true }),
  post('tokenize-special', '/tokenize', { prompt: '<|endoftext|>', return_token_strs: true }),
  post('tokenize-empty', '/tokenize', { prompt: '' }),
  post('tokenize-wrong', '/tokenize', { prompt: ['a'] }),
  post('detokenize', '/detokenize', { tokens: [32, 300, 310] }),
  post('detokenize-none', '/detokenize', { tokens: [] }),
  post('detokenize-wrong', '/detokenize', { tokens: [1, -1] }),
  post('detokenize-unknown', '/detokenize', { tokens: [999999] }),
  post('detokenize-missing', '/detokenize', {}, TYPE),
  get('metrics', '/metrics'),
]
