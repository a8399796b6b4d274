import { readFileSync } from 'node:fs'
import { repositoryPath } from './fixtures.js'
import { publishedTemplates } from './published-templates.js'

/** Tokens and template of a family, and the texts around a prompt's last message. */
export interface ParrotFormat {
  template: string
  /** Special tokens, which decoding may leave out. */
  special: string[]
  /** Tokens of their own that are ordinary text, as Qwen3's `<think>`. */
  plain: string[]
  /** Tokens that end an answer; the first is added to scripts that end without one. */
  ends: string[]
  /** Text after which an answer begins. */
  opener: string
  /** The same without thoughts, if the template has a switch for them. */
  openerWithoutThoughts?: string
  /** Text between a user's message and the opener. */
  userEnd: string
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
  /** gpt-oss. */
  harmony: (): ParrotFormat => ({
    template: readFileSync(repositoryPath('test/fixtures/templates/harmony.jinja'), 'utf8'),
    special: ['<|endoftext|>', '<|start|>', '<|end|>', '<|message|>', '<|channel|>', '<|constrain|>'].concat([
      '<|return|>',
      '<|call|>',
    ]),
    plain: ['analysis', 'commentary', 'final', 'assistant', 'json'],
    ends: ['<|return|>', '<|call|>', '<|endoftext|>'],
    opener: '<|start|>assistant',
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
