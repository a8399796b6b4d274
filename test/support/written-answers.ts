import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tool } from '#molm/api/chat-options.js'
import { fixturePath } from './fixtures.js'
import { publishedTemplates } from './published-templates.js'

/** An answer as a model writes it, and the message that it is. */
export interface WrittenAnswer {
  /** Source of the chat template. */
  source: string
  prompt: string
  text: string
  message: { thinking?: string; content: string; calls?: [name: string, args: Record<string, unknown>][] }
}

export const WEATHER: Tool = {
  name: 'get_weather',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      days: { type: 'integer' },
      metric: { type: 'boolean' },
      near: { type: 'object', properties: { tags: { type: 'array', items: { type: 'string' } } } },
    },
    required: ['city'],
  },
}
export const NOW: Tool = { name: 'now' }
export const TOOLS: readonly Tool[] = [WEATHER, NOW]

/** Arguments that are hard to write in most notations. */
const ARGS = { city: `Zürich "<x>" 'y' {z}`, days: 2, metric: true, near: { tags: ['a, b', 'c=d'] } }
const JSON_ARGS = JSON.stringify(ARGS)
export const CALLS: [string, Record<string, unknown>][] = [
  ['get_weather', ARGS],
  ['now', {}],
]
const THINKING = 'The user asks <for> weather.\n\nI call.'
const CHATML = '<|im_start|>user\nWeather?<|im_end|>\n<|im_start|>assistant\n'
const JSON_CALLS =
  `<tool_call>\n{"name": "get_weather", "arguments": ${JSON_ARGS}}\n</tool_call>\n` +
  '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
const FUNCTION_CALLS =
  '<tool_call>\n<function=get_weather>\n' +
  `<parameter=city>\n${ARGS.city}\n</parameter>\n<parameter=days>\n2\n</parameter>\n` +
  `<parameter=metric>\nTrue\n</parameter>\n<parameter=near>\n{'tags': ['a, b', 'c=d']}\n</parameter>\n` +
  '</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>'

/** Source of a chat template that writes these texts. */
const writing = (...texts: string[]): string => texts.map((text) => `{{ '${text}' }}`).join('')

const published = publishedTemplates()
const publishedSource = (name: string): string => published.get(name) as string
const HARMONY = readFileSync(join(fixturePath('templates'), 'harmony.jinja'), 'utf8')
const LFM2 = writing('<|im_start|>assistant\\n', '<|tool_list_start|>', '</think>')
const ZAYA = writing('<|im_start|>assistant\\n', '<think>', '<zyphra_tool_call>\\n<function=')
const MISTRAL = writing('[AVAILABLE_TOOLS]', '[/INST]', '[TOOL_CALLS]')
const GLM = writing('<|assistant|>', '<think>', '</think>', '<tool_call>', '<arg_key>')
const LING = writing('<role>ASSISTANT</role>', '<think></think>', '<tool_call>', '<arg_key>')
const GEMMA = writing('<|turn>model\\n', '<|tool_call>', '<tool_call|>')
const ERNIE = writing(
  '<|im_start|>assistant\\n<think>\\n',
  '<tool_call>\\n{"name": x, "arguments": y}',
  '<response>\\n',
)

/** Answers with thoughts, content and calls in the forms of all families. */
export const WRITTEN_ANSWERS: Record<string, WrittenAnswer> = {
  qwen3: {
    source: publishedSource('qwen3:0.6b'),
    prompt: CHATML,
    text: `<think>\n${THINKING}\n</think>\n\nLet me look.\n${JSON_CALLS}`,
    message: { thinking: THINKING, content: 'Let me look.', calls: CALLS },
  },
  'qwen3 with thoughts begun': {
    source: publishedSource('qwen3:0.6b'),
    prompt: `${CHATML}<think>\n`,
    text: `${THINKING}\n</think>\n\nIt is < 5.<|im_end|>`,
    message: { thinking: THINKING, content: 'It is < 5.' },
  },
  'qwen3 without thoughts': {
    source: publishedSource('qwen3:0.6b'),
    prompt: `${CHATML}<think>\n\n</think>\n\n`,
    text: `Sunny.\n\n${JSON_CALLS}\nDone.`,
    message: { content: 'Sunny.\n\n\n\nDone.', calls: CALLS },
  },
  'qwen3-coder': {
    source: publishedSource('qwen3-coder:30b'),
    prompt: CHATML,
    text: `I look.\n\n${FUNCTION_CALLS}`,
    message: { content: 'I look.', calls: CALLS },
  },
  zaya: {
    source: ZAYA,
    prompt: CHATML,
    text: `<think>\n${THINKING}\n</think>\n\n${FUNCTION_CALLS.replaceAll('tool_call>', 'zyphra_tool_call>')}\n`,
    message: { thinking: THINKING, content: '', calls: CALLS },
  },
  granite4: {
    source: publishedSource('granite4:latest'),
    prompt: '<|start_of_role|>user<|end_of_role|>Weather?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
    text: JSON_CALLS,
    message: { content: '', calls: CALLS },
  },
  granite3: {
    source: publishedSource('granite3.1-moe:1b'),
    prompt: '<|start_of_role|>user<|end_of_role|>Weather?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
    text: `<|tool_call|>[{"name": "get_weather", "arguments": ${JSON_ARGS}}, {"name": "now", "arguments": {}}]`,
    message: { content: '', calls: CALLS },
  },
  'granite3 with thoughts': {
    source: publishedSource('granite3.3:2b'),
    prompt: '<|start_of_role|>assistant {"thinking": true}<|end_of_role|>',
    text: `<think>${THINKING}</think>\n<response>It is\nsunny.</response>`,
    message: { thinking: THINKING, content: 'It is\nsunny.' },
  },
  'granite3 without thoughts': {
    source: publishedSource('granite3.3:2b'),
    prompt: '<|start_of_role|>assistant<|end_of_role|>',
    text: 'It is sunny.',
    message: { content: 'It is sunny.' },
  },
  harmony: {
    source: HARMONY,
    prompt: '<|start|>user<|message|>Weather?<|end|><|start|>assistant',
    text:
      `<|channel|>analysis<|message|>${THINKING}<|end|><|start|>assistant<|channel|>commentary<|message|>Let me look.<|end|>` +
      `<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>${JSON_ARGS}<|call|>` +
      '<|start|>assistant to=functions.now<|channel|>analysis code<|message|>{}',
    message: { thinking: THINKING, content: 'Let me look.', calls: CALLS },
  },
  'harmony with a text': {
    source: HARMONY,
    prompt: '<|start|>user<|message|>Weather?<|end|><|start|>assistant',
    text: `<|channel|>analysis<|message|>${THINKING}<|end|><|start|>assistant<|channel|>final<|message|>Sunny <|now.`,
    message: { thinking: THINKING, content: 'Sunny <|now.' },
  },
  lfm2: {
    source: LFM2,
    prompt: CHATML,
    text:
      `<think>${THINKING}</think>I look.<|tool_call_start|>[get_weather(city="Zürich \\"<x>\\" 'y' {z}", days=2, ` +
      `metric=True, near={'tags': ['a, b', "c=d"]}), now()]<|tool_call_end|>`,
    message: { thinking: THINKING, content: 'I look.', calls: CALLS },
  },
  gemma4: {
    source: GEMMA,
    prompt: '<|turn>user\nWeather?<turn|>\n<|turn>model\n',
    text:
      `<|channel>thought\n${THINKING}<channel|><|tool_call>call:get_weather{city:<|"|>${ARGS.city}<|"|>,days:2,` +
      'metric:true,near:{tags:[<|"|>a, b<|"|>,<|"|>c=d<|"|>]}}<tool_call|><|tool_call>call:now{}<tool_call|>',
    message: { thinking: THINKING, content: '', calls: CALLS },
  },
  glm: {
    source: GLM,
    prompt: '<|user|>\nWeather?<|assistant|>',
    text:
      `\n<think>${THINKING}</think>\nI look.\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>${ARGS.city}` +
      '</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n<arg_key>metric</arg_key>\n<arg_value>true' +
      '</arg_value>\n<arg_key>near</arg_key>\n<arg_value>{"tags": ["a, b", "c=d"]}</arg_value>\n</tool_call>\n' +
      '<tool_call>now</tool_call>',
    message: { thinking: THINKING, content: 'I look.', calls: CALLS },
  },
  'ling with thoughts begun': {
    source: LING,
    prompt: '<role>HUMAN</role>Weather?<|role_end|><role>ASSISTANT</role>\n<think>',
    text:
      `${THINKING}</think>I look.<tool_call>get_weather<arg_key>city</arg_key>\n<arg_value>${ARGS.city}</arg_value>\n` +
      '<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n<arg_key>metric</arg_key>\n<arg_value>true</arg_value>\n' +
      '<arg_key>near</arg_key>\n<arg_value>{"tags": ["a, b", "c=d"]}</arg_value>\n</tool_call>' +
      '<tool_call>now</tool_call>',
    message: { thinking: THINKING, content: 'I look.', calls: CALLS },
  },
  'ling without thoughts': {
    source: LING,
    prompt: '<role>HUMAN</role>Weather?<|role_end|><role>ASSISTANT</role>\n<think></think>',
    text: 'Rain.<|role_end|>',
    message: { content: 'Rain.' },
  },
  mistral: {
    source: MISTRAL,
    prompt: '<s>[INST] Weather?[/INST]',
    text: `[TOOL_CALLS] [{"name": "get_weather", "arguments": ${JSON_ARGS}, "id": "123456789"}, {"name": "now"}]`,
    message: { content: '', calls: CALLS },
  },
  'mistral by name': {
    source: `${MISTRAL}${writing('[ARGS]')}`,
    prompt: '<s>[INST] Weather?[/INST]',
    text: `I look.[TOOL_CALLS]get_weather[CALL_ID]123456789[ARGS]${JSON_ARGS}[TOOL_CALLS]now[ARGS]{}`,
    message: { content: 'I look.', calls: CALLS },
  },
  'ernie with a call': {
    source: ERNIE,
    prompt: `${CHATML}<think>\n`,
    text: `${THINKING}\n</think>\n\n${JSON_CALLS}\n`,
    message: { thinking: THINKING, content: '', calls: CALLS },
  },
  'ernie with a text': {
    source: ERNIE,
    prompt: `${CHATML}<think>\n`,
    text: `${THINKING}\n</think>\n\n<response>\nSunny.\n</response>\n`,
    message: { thinking: THINKING, content: 'Sunny.' },
  },
}
