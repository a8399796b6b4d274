import { loadChatTemplate } from '#molm/text/chat-template.js'
import type { Chance } from '../chance.js'
import { bytesOf, type Files, replaced, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson, harmText } from '../harm-json.js'

const [CONFIG, FILE] = ['tokenizer_config.json', 'chat_template.jinja']

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'What is {{ 7 * 7 }}?' },
  { role: 'assistant', content: '49' },
  { role: 'user', content: 'And {% raw %}?' },
]

/** Typical chat templates of models. */
const TEMPLATES = [
  "{% for message in messages %}{% if message['role'] == 'user' %}User: {{ message['content'] | trim }}\n{% elif message['role'] == 'assistant' %}Assistant: {{ message['content'] | trim }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}",
  '{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}{{ eos_token }}\n{% endfor %}',
  "{%- set ns = namespace(system='') -%}{%- for m in messages -%}{%- if m.role == 'system' -%}{%- set ns.system = m.content -%}{%- else -%}[{{ loop.index0 }}/{{ loop.length }}] {{ ns.system ~ m.content | upper }}{%- endif -%}{%- endfor -%}",
]

/** Chat templates in Jinja, a language with loops, recursion and strings of any length. */
export const template: Format = {
  name: 'template',
  inputs: 2500,
  prepare: () => ({
    onDisk: true,
    sound: (chance) => inFolder(chance.pick(TEMPLATES), chance.oneIn(2)),

    harm(files, chance) {
      switch (chance.below(5)) {
        case 0:
          return inFolder(harmText(chance.pick(TEMPLATES), chance), noted(chance, 'a template with a fault'))
        case 1:
          return replaced(files, CONFIG, harmJson(JSON.parse(textOf(files, CONFIG)), chance, CONFIG))
        case 2:
          return replaced(files, FILE, harmBytes(utf8(chance.pick(TEMPLATES)), chance, FILE))
        default: {
          const source = new Jinja(chance).block(chance.between(1, 4))
          return inFolder(source, noted(chance, `the template ${JSON.stringify(source).slice(0, 1000)}`))
        }
      }
    },

    async read({ dir, isSound }) {
      const template = await loadChatTemplate(dir)
      if (!template) return expect(!isSound, 'there is no template')
      for (const addGenerationPrompt of [false, true]) {
        const text = await template.render(MESSAGES, { addGenerationPrompt })
        expect(typeof text === 'string', `the conversation becomes ${typeof text}`)
        expect(!isSound || text.includes('49'), 'a sound template leaves out what was said')
      }
    },
  }),
}

function inFolder(source: string, inConfig: boolean): Files {
  const config = { bos_token: '<s>', eos_token: '</s>', ...(inConfig && { chat_template: source }) }
  return new Map([[CONFIG, utf8(JSON.stringify(config))], ...(inConfig ? [] : [[FILE, utf8(source)] as const])])
}

function noted(chance: Chance, what: string): boolean {
  chance.note(what)
  return chance.oneIn(2)
}

function textOf(files: Files, name: string): string {
  return new TextDecoder().decode(bytesOf(files, name))
}

/** Generates templates from a grammar: harmless ones, ones that reach for host objects, and ones that never end. */
class Jinja {
  constructor(private readonly chance: Chance) {}

  block(depth: number): string {
    return Array.from({ length: this.chance.between(1, 3) }, () => this.statement(depth)).join('')
  }

  private statement(depth: number): string {
    const { chance } = this
    if (depth === 0) return chance.oneIn(3) ? 'text ' : `{{ ${this.expression(2)} }}`
    const inner = () => this.block(depth - 1)
    switch (chance.below(8)) {
      case 0:
        return `{% for x in ${this.iterable()} %}${inner()}{% endfor %}`
      case 1:
        return `{% if ${this.expression(2)} %}${inner()}{% else %}${inner()}{% endif %}`
      case 2:
        return `{% set x = ${this.expression(2)} %}${inner()}`
      case 3:
        return `{% macro f(x) %}${inner()}{% endmacro %}{{ f(${this.expression(1)}) }}`
      case 4:
        return chance.oneIn(12) ? this.bomb() : inner()
      case 5:
        return `{% set ns = namespace(x=${this.expression(1)}) %}{% set ns.x = ns.x ~ ${this.expression(1)} %}{{ ns.x }}`
      case 6:
        return chance.pick(ODD_STATEMENTS)
      default:
        return `{{ ${this.expression(3)} }}`
    }
  }

  private iterable(): string {
    const { chance } = this
    const range = () => `range(${10 ** chance.between(0, chance.oneIn(12) ? 10 : 3)})`
    return chance.pick([...ITERABLES, range(), range()])
  }

  private expression(depth: number): string {
    const { chance } = this
    if (depth === 0) return chance.pick(ATOMS)
    const one = () => this.expression(depth - 1)
    switch (chance.below(7)) {
      case 0:
        return `(${one()} ${chance.pick(['+', '~', '*', '-', '/', '%', '==', '<', 'in', 'and', 'or', 'is not'])} ${one()})`
      case 1:
        return `${one()} | ${chance.pick(FILTERS)}`
      case 2:
        return `${one()}.${chance.pick(NAMES)}`
      case 3:
        return `${one()}[${one()}]`
      case 4:
        return `${one()}(${chance.oneIn(2) ? '' : one()})`
      case 5:
        return `[${one()}, ${one()}]`
      default:
        return chance.pick(ATOMS)
    }
  }

  private bomb(): string {
    const { chance } = this
    const n = 10 ** chance.between(2, 10)
    return chance.pick([
      `{% for i in range(${n}) %}{% endfor %}`,
      `{% for i in range(${n}) %}{% for j in range(${n}) %}x{% endfor %}{% endfor %}`,
      '{% macro f(n) %}{% if n > 1 %}{{ f(n - 1) }}{{ f(n - 2) }}{% endif %}{% endmacro %}{{ f(60) }}',
      '{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}',
      `{% set ns = namespace(s='x') %}{% for i in range(${chance.between(5, 40)}) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}`,
      `{% set ns = namespace(s=[1]) %}{% for i in range(${chance.between(5, 40)}) %}{% set ns.s = ns.s + ns.s %}{% endfor %}`,
      `${'{% if true %}'.repeat(n % 100_000)}x${'{% endif %}'.repeat(n % 100_000)}`,
      `{{ ${'('.repeat(chance.size(20_000))} }}`,
      `{{ 'x' * ${n} }}`,
      'text '.repeat(chance.size(2 ** 21)),
    ])
  }
}

const ODD_STATEMENTS = [
  ...['{% raise %}', '{{', '%}', '{# #}', '{% raw %}{{ x }}{% endraw %}', '{% include "x" %}', '{% break %}'],
]
const ITERABLES = ['messages', 'messages[1:]', 'messages | reverse', '[1, 2]', '"text"', 'x', '{}.items()']
const ATOMS = [
  ...['messages', 'x', "'text'", '1', '0', 'true', 'none', 'bos_token', 'messages[0]', 'self', 'loop', 'namespace'],
  ...['raise_exception', 'strftime_now', '{}', '1e308'],
]
const FILTERS = [
  ...['trim', 'upper', 'length', 'tojson', 'join', 'list', 'first', 'items', 'safe', 'int', 'map(attribute="role")'],
  ...['selectattr("role")', 'indent', 'replace("a", "b")', 'constructor', 'default(1)'],
]
const NAMES = [
  ...['content', 'role', 'constructor', '__proto__', 'prototype', 'toString', 'split(" ")', 'strip()', 'items()'],
  ...['keys()', '__class__', 'constructor.constructor("return process")()'],
]
