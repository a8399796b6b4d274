import type { ResponseField, ResponseTemplate } from '../../api/response.js'

/*
 * Forms of answers of families whose checkpoints have no response template. Texts of the chat template show which one
 * it is.
 */

/** A call as JSON with the keys "name" and "arguments". */
const AS_WRITTEN = { type: 'function', function: '{content}' }
/** A call whose name is in its opener. */
const BY_NAME = { type: 'function', function: { name: '{name}', arguments: '{content}' } }

/** Rest of a harmony header: a type of content, and the beginning of the text. */
const HEADER_END = '[^<]*(?:<\\|constrain\\|>[^<]*)?<\\|message\\|>'
const TO_FUNCTION = 'to=functions\\.(?P<name>[\\w.-]+)'
const CALL_CHANNEL = '<\\|channel\\|>(?:commentary|analysis)'

const HARMONY: ResponseTemplate = {
  startAnchor: '<|start|>assistant',
  fields: {
    // The model also calls from its thoughts, and writes the recipient before or behind the channel.
    tool_calls: {
      openPattern: `${CALL_CHANNEL}\\s+${TO_FUNCTION}${HEADER_END}|${TO_FUNCTION}\\s*${CALL_CHANNEL}${HEADER_END}`,
      close: ['<|call|>', '<|end|>', '<|return|>'],
      repeats: true,
      content: 'json',
      transform: BY_NAME,
    },
    thinking: {
      // Messages to its own tools, such as a browser, are part of its thoughts.
      openPattern: `<\\|channel\\|>analysis<\\|message\\|>|<\\|channel\\|>analysis\\s+to=(?:python|browser)${HEADER_END}`,
      close: ['<|end|>', '<|return|>', '<|call|>'],
      repeats: true,
      join: '\n\n',
    },
    content: {
      open: [
        '<|channel|>final<|message|>',
        '<|channel|>commentary<|message|>',
        '<|channel|>final <|constrain|>json<|message|>',
      ],
      close: ['<|end|>', '<|return|>'],
      repeats: true,
      join: '\n\n',
    },
  },
}

const GEMMA: ResponseTemplate = {
  startAnchor: ['<|turn>model\n', '<tool_response|>'],
  fields: {
    thinking: { open: '<|channel>thought\n', close: '<channel|>' },
    tool_calls: {
      openPattern: '<\\|tool_call>call:(?P<name>[\\w.-]+)',
      close: '<tool_call|>',
      repeats: true,
      content: 'json',
      contentArgs: { unquoted_keys: true, string_delims: [['<|"|>', '<|"|>']] },
      transform: BY_NAME,
    },
    content: { close: ['<turn|>', '<|tool_response>', '<eos>'] },
  },
}

const LFM2_CALLS: ResponseField = {
  open: '<|tool_call_start|>',
  close: '<|tool_call_end|>',
  repeats: true,
  content: 'python-calls',
}

/** Calls by the texts of a chat template that only their form has; the first that fits. */
const CALLS: readonly (readonly [marks: readonly string[], field: ResponseField])[] = [
  [
    ['<tool_call>', '<arg_key>'],
    taggedCalls(
      '<tool_call>\\s*(?P<name>[^<\\s]+)',
      '<arg_key>\\s*(?P<key>[^<]*?)\\s*</arg_key>\\s*<arg_value>\\n?(?P<value>.*?)\\n?</arg_value>',
    ),
  ],
  [['<|tool_list_start|>'], LFM2_CALLS],
  [['<|tool_call_start|>'], LFM2_CALLS],
  [['<tool_call>', '<function='], functionCalls('tool_call')],
  [['<zyphra_tool_call>', '<function='], functionCalls('zyphra_tool_call')],
  [['[TOOL_CALLS]', '[ARGS]'], { open: '[TOOL_CALLS]', content: 'mistral-calls', contentArgs: { by_name: true } }],
  [['[TOOL_CALLS]'], { open: '[TOOL_CALLS]', content: 'mistral-calls' }],
  [['<|tool_call|>'], { open: '<|tool_call|>', content: 'json' }],
  [
    ['<tool_call>', 'arguments'],
    { open: '<tool_call>', close: '</tool_call>', repeats: true, content: 'json', transform: AS_WRITTEN },
  ],
]

/** Calls with tags for their name and arguments, within a tag of their own. */
function functionCalls(tag: string): ResponseField {
  const parameter = '<parameter=(?P<key>[^>\\s]+)>\\n?(?P<value>.*?)\\n?</parameter>'
  return { ...taggedCalls(`<${tag}>\\s*<function=(?P<name>[^>\\s]+)>`, parameter), close: `</${tag}>` }
}

/** Calls with tags for their arguments. */
function taggedCalls(openPattern: string, tag_pattern: string): ResponseField {
  const contentArgs = { tag_pattern, value_parser: { name: 'json', args: { allow_non_json: true } } }
  const fixed = { close: '</tool_call>', repeats: true, content: 'xml-inline', transform: BY_NAME } as const
  return { openPattern, ...fixed, contentArgs }
}

type Anchor = Pick<ResponseTemplate, 'startAnchor' | 'startAnchorPattern'>

/** Beginnings and ends of turns, by a text of the chat template. */
const TURNS: readonly (readonly [mark: string, anchor: Anchor, close?: string])[] = [
  ['<|im_start|>', { startAnchor: ['<|im_start|>assistant\n', '<|im_start|>assistant<|im_sep|>'] }, '<|im_end|>'],
  [
    '<|start_of_role|>',
    { startAnchorPattern: '<\\|start_of_role\\|>assistant[^<]*<\\|end_of_role\\|>' },
    '<|end_of_text|>',
  ],
  ['<|start_header_id|>', { startAnchor: '<|start_header_id|>assistant<|end_header_id|>' }, '<|eot_id|>'],
  ['<|assistant|>', { startAnchor: '<|assistant|>' }],
  ['<role>ASSISTANT</role>', { startAnchor: '<role>ASSISTANT</role>' }, '<|role_end|>'],
  ['<｜Assistant｜>', { startAnchor: ['<｜Assistant｜>', '<｜tool▁outputs▁end｜>'] }],
  ['[/INST]', { startAnchor: ['[/INST]', '[/TOOL_RESULTS]', '[/AVAILABLE_TOOLS]'] }],
  ['<start_of_turn>', { startAnchor: '<start_of_turn>model\n' }, '<end_of_turn>'],
  ['Assistant:', { startAnchor: 'Assistant:' }],
]

/**
 * Form of the answers of a model, by the source of its chat template and the type of the model. Undefined if the template
 * names neither thoughts nor calls: then an answer is plain text.
 */
export function knownFormat(source: string, modelType?: string): ResponseTemplate | undefined {
  const has = (text: string): boolean => source.includes(text)
  if (has('<|channel|>') && has('<|message|>')) return HARMONY
  if (has('<|tool_call>') && has('<tool_call|>')) return GEMMA
  const thinks = has('<think>') || has('</think>')
  const [, written] = CALLS.find(([texts]) => texts.every(has)) ?? []
  // Some templates of LFM2 write no calls, but the model knows them.
  const calls = written ?? (modelType === 'lfm2_moe' ? LFM2_CALLS : undefined)
  if (!thinks && !calls) return undefined
  const [, anchor, turnEnd] = TURNS.find(([mark]) => has(mark)) ?? []
  // The content has its own tags.
  const answers = has('<response>')
  const close = [turnEnd ?? [], answers ? '</response>' : []].flat()
  const thoughtsEnd = answers ? { closePattern: '</think>(?:\\s*<response>)?' } : { close: '</think>' }
  return {
    ...anchor,
    fields: {
      ...(thinks && { thinking: { open: '<think>', ...thoughtsEnd } }),
      ...(calls && { tool_calls: calls }),
      content: close.length === 0 ? {} : { close },
    },
  }
}
