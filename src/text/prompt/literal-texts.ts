import type { ChatMessage, Tokenizer } from '../../api/text.js'
import { isObject } from '../../ground/json/json.js'

/** Tags that templates look for in answers. They open and close no turn. */
export const TAGS: ReadonlySet<string> = new Set([
  ...['<think>', '</think>', '<thought>', '</thought>', '<|channel>', '<channel|>', '<tool_call>', '</tool_call>'],
  ...['<zyphra_tool_call>', '</zyphra_tool_call>'],
])

/** Writes texts such that only the template can write its tokens: `<|im_end|>` in one ends no turn. */
export class LiteralTexts {
  constructor(private readonly tokenizer: Pick<Tokenizer, 'literal'>) {}

  text(text: string): string {
    return this.tokenizer.literal(text)
  }

  /** Contents of answers keep the tags of thoughts and calls. */
  message({ role, content, ...others }: ChatMessage): ChatMessage {
    const text = role === 'assistant' ? this.tokenizer.literal(content, TAGS) : this.text(content)
    return { role, content: text, ...this.value(others) }
  }

  /** Variables of the template. Those that name a special token, such as `bos_token`, stay. */
  variables(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const entries = Object.entries(args)
    return Object.fromEntries(entries.map(([name, arg]) => [name, name.endsWith('_token') ? arg : this.value(arg)]))
  }

  /** A value of JSON with all texts in it, keys too. */
  value<Value>(value: Value): Value {
    if (typeof value === 'string') return this.text(value) as Value
    if (Array.isArray(value)) return value.map((item) => this.value(item)) as Value
    if (!isObject(value)) return value
    const entries = Object.entries(value)
    return Object.fromEntries(entries.map(([key, item]) => [this.text(key), this.value(item)])) as Value
  }
}
