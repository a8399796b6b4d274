import { readFileSync } from 'node:fs'
import { GEMMA_4, GLM_4_6, LFM_2_5, MISTRAL } from './family-templates.js'
import { repositoryPath } from './fixtures.js'
import { publishedTemplates } from './published-templates.js'

/** Tokens and template of a family, and the texts around a prompt's last message. */
export interface ParrotFormat {
  template: string
  /** Special tokens, which decoding may leave out. */
  special: string[]
  /** Whole tokens that are ordinary text, as Qwen3's `<think>`. */
  plain: string[]
  /** Tokens that end an answer; the first is added to scripts that end without one. */
  ends: string[]
  /** Text after which an answer begins. */
  opener: string
  /** The same without thoughts, if the template has a switch for them. */
  openerWithoutThoughts?: string
  /** Token that ends thoughts. */
  thoughtsEnd: string
  /** Text after a tool's result in place of the opener. */
  toolOpener?: string
  /** Text between a user's message and the opener. */
  userEnd: string
  /** The same before the opener without thoughts, if it differs. */
  userEndWithoutThoughts?: string
  /** End of a prompt between a tool's result and the opener; the result as the template writes it. */
  toolEnd: string
  toolText(result: string): string
}

const QWEN_SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
const QWEN_PLAIN = ['<think>', '</think>', '<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>']
const OPENER = '<|im_start|>assistant\n'
const OFF = '<think>\n\n</think>\n\n'

const same = (text: string): string => text

function qwen(template: string, others: Partial<ParrotFormat> = {}): ParrotFormat {
  return {
    template,
    special: QWEN_SPECIAL,
    plain: QWEN_PLAIN,
    ends: ['<|im_end|>', '<|endoftext|>'],
    opener: OPENER,
    thoughtsEnd: '</think>',
    userEnd: '<|im_end|>\n',
    toolEnd: '\n</tool_response><|im_end|>\n',
    toolText: same,
    ...others,
  }
}

/** Qwen3's template, with another beginning of an answer. */
function withOpener(template: string, opener: string): string {
  const at = template.lastIndexOf('{%- if add_generation_prompt %}')
  return `${template.slice(0, at)}{%- if add_generation_prompt %}{{- ${JSON.stringify(opener)} }}{%- endif %}`
}

const FORMATS = {
  /** Thinks unless `enable_thinking` is false. */
  qwen3: () => qwen(published('qwen3:0.6b'), { openerWithoutThoughts: OPENER + OFF }),
  /** Opens the thoughts in the prompt, always, as Qwen3's models of 2507 that think. */
  'qwen3-thinking': () =>
    qwen(withOpener(published('qwen3:0.6b'), `${OPENER}<think>\n`), { opener: `${OPENER}<think>\n` }),
  /** Has no thoughts, as Qwen3's instructed models of 2507. */
  'qwen3-instruct': () => qwen(withOpener(published('qwen3:0.6b'), OPENER)),
  /** Calls in XML. */
  'qwen3-coder': () => qwen(published('qwen3-coder:30b'), { toolEnd: '\n</tool_response>\n<|im_end|>\n' }),
  /** Tools without thoughts, and tokens of other names. */
  granite4: (): ParrotFormat =>
    qwen(published('granite4:latest'), {
      special: ['<|end_of_text|>', '<|start_of_role|>', '<|end_of_role|>'],
      ends: ['<|end_of_text|>'],
      opener: '<|start_of_role|>assistant<|end_of_role|>',
      userEnd: '<|end_of_text|>\n',
      toolEnd: '\n</tool_response><|end_of_text|>\n',
    }),
  /** Neither tools nor thoughts. */
  chatml: () =>
    qwen(
      "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}" +
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
    ),
  /** Fills the gap between two texts; without a chat template. */
  'granite-code': () =>
    qwen('', {
      special: ['<|endoftext|>', '<fim_prefix>', '<fim_suffix>', '<fim_middle>', '<fim_pad>'],
      ends: ['<|endoftext|>'],
      opener: '<fim_middle>',
      userEnd: '',
    }),
  /** Calls in Python. A tool's result ends as a user's message does, so `toTool` must be its text. */
  'lfm2.5': () =>
    qwen(LFM_2_5, {
      special: [
        ...QWEN_SPECIAL,
        ...['<|tool_list_start|>', '<|tool_list_end|>', '<|tool_call_start|>', '<|tool_call_end|>'],
      ],
      plain: ['<think>', '</think>'],
      toolEnd: '<|im_end|>\n',
    }),
  /** Arguments in XML. */
  glm: (): ParrotFormat => ({
    template: GLM_4_6,
    special: ['<|endoftext|>', '[gMASK]', '<sop>', '<|system|>', '<|user|>', '<|assistant|>', '<|observation|>'],
    plain: [...QWEN_PLAIN, '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>'],
    ends: ['<|user|>', '<|observation|>', '<|endoftext|>'],
    opener: '<|assistant|>',
    openerWithoutThoughts: '<|assistant|>\n<think></think>',
    thoughtsEnd: '</think>',
    userEnd: '',
    userEndWithoutThoughts: '/nothink',
    toolEnd: '\n</tool_response>',
    toolText: same,
  }),
  /** Thinks if `enable_thinking` is true. A result is within the message of its call. */
  gemma4: (): ParrotFormat => ({
    template: GEMMA_4,
    special: [
      ...['<eos>', '<|turn>', '<turn|>', '<|channel>', '<channel|>', '<|tool>', '<tool|>', '<|think|>', '<|"|>'],
      ...['<|tool_call>', '<tool_call|>', '<|tool_response>', '<tool_response|>'],
    ],
    plain: ['thought'],
    ends: ['<turn|>', '<|tool_response>', '<eos>'],
    opener: '<|turn>model\n',
    openerWithoutThoughts: '<|turn>model\n<|channel>thought\n<channel|>',
    thoughtsEnd: '<channel|>',
    toolOpener: '',
    userEnd: '<turn|>\n',
    toolEnd: '<|"|>}<tool_response|>',
    toolText: same,
  }),
  /** Neither thoughts nor messages of the system. A result has the call's id behind, so `toTool` must be true. */
  mistral: (): ParrotFormat => ({
    template: MISTRAL,
    special: [
      ...['<s>', '</s>', '[INST]', '[/INST]', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]'],
      ...['[TOOL_CALLS]', '[TOOL_RESULTS]', '[/TOOL_RESULTS]'],
    ],
    plain: [],
    ends: ['</s>'],
    opener: '[/INST]',
    toolOpener: '[/TOOL_RESULTS]',
    thoughtsEnd: '</s>',
    userEnd: '',
    toolEnd: '"}',
    toolText: same,
  }),
  /** gpt-oss. */
  harmony: (): ParrotFormat => ({
    template: readFileSync(repositoryPath('test/fixtures/templates/harmony.jinja'), 'utf8'),
    special: [
      ...['<|endoftext|>', '<|start|>', '<|end|>', '<|message|>', '<|channel|>', '<|constrain|>'],
      ...['<|return|>', '<|call|>'],
    ],
    plain: ['analysis', 'commentary', 'final', 'assistant', 'json'],
    ends: ['<|return|>', '<|call|>', '<|endoftext|>'],
    opener: '<|start|>assistant',
    thoughtsEnd: '<|end|>',
    userEnd: '<|end|>',
    toolEnd: '"<|end|>',
    toolText: (result) => JSON.stringify(result).slice(1, -1),
  }),
}

export type ParrotFormatName = keyof typeof FORMATS

export function parrotFormat(name: ParrotFormatName): ParrotFormat {
  return FORMATS[name]()
}

function published(model: string): string {
  const template = publishedTemplates().get(model)
  if (template === undefined) throw new Error(`no template of ${model}`)
  return template
}
