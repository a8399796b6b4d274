import { UserError } from '../../../ground/errors.js'
import { keyword, type Message, phrase } from '../../../ground/message.js'
import { characters, choice, EMPTY, type Expression, type Rule, repeat, sequence, text } from './expression.js'
import { ANY } from './read-pattern.js'

const MOST_TIMES = 100_000
const DEEPEST = 100
const CONTROLS: Record<string, string> = {
  ...{ n: '\n', r: '\r', t: '\t', v: '\v', f: '\f', b: '\b', a: '\x07', e: '\x1b', 0: '\0' },
}
const NAME = /[A-Za-z_][A-Za-z0-9_.-]*/y
/** Blanks and comments, without and with line ends. */
const IN_LINE = /(?:[ \t]|#[^\n]*(?=\n|$))*/y
const BLANKS = /(?:[ \t\r\n]|#[^\n]*(?=\n|$))*/y
const BAR = new RegExp(`${BLANKS.source}\\|${BLANKS.source}`, 'y')
/** XGrammar continues rules on the next line. */
const NEXT_RULE_OR_END = new RegExp(`(?=${BLANKS.source}(?:${NAME.source}${BLANKS.source}::=|$))`, 'y')
const TIMES = /[*+?]|\{\s*(\d{1,9})\s*(?:,\s*(\d{0,9})\s*)?\}/y
const CODE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8}))/y

/** Reads a grammar in llama.cpp's GBNF or XGrammar's EBNF. Throws a UserError that names the line and what is wrong. */
export function readEbnf(source: string): Expression {
  return new EbnfReader(source).grammar()
}

class EbnfReader {
  private at = 0
  private readonly rules = new Map<string, Rule & { isDefined: boolean }>()

  constructor(private readonly source: string) {}

  grammar(): Expression {
    this.match(BLANKS)
    while (this.at < this.source.length) this.definition()
    for (const [name, { isDefined }] of this.rules)
      if (!isDefined) throw new UserError(phrase`the grammar has no rule ${keyword(name)}`)
    const root = this.rules.get('root')
    if (!root) throw new UserError(phrase`the grammar has no rule ${keyword('root')}`)
    return { kind: 'rule', rule: root }
  }

  private definition(): void {
    const name = this.match(NAME)?.[0] ?? this.fail('a rule, such as `root ::= "yes" | "no"`, was expected')
    const rule = this.rule(name)
    if (rule.isDefined) this.fail(phrase`the rule ${keyword(name)} is defined twice`)
    this.match(BLANKS)
    if (!this.take('::=')) this.fail(phrase`\`::=\` was expected after the rule's name ${keyword(name)}`)
    this.match(BLANKS)
    rule.body = this.alternatives(0)
    rule.isDefined = true
    this.match(BLANKS)
    this.refuseLookahead()
  }

  private rule(name: string): Rule & { isDefined: boolean } {
    const known = this.rules.get(name) ?? { name, body: EMPTY, isDefined: false }
    this.rules.set(name, known)
    return known
  }

  /** `depth`: how many brackets are open. Outside all, a rule ends with its line unless that ends with `|`. */
  private alternatives(depth: number): Expression {
    if (depth > DEEPEST) this.fail(`brackets nested more than ${DEEPEST} deep`)
    const options = [this.parts(depth)]
    while (this.match(BAR)) options.push(this.parts(depth))
    return choice(...options)
  }

  private parts(depth: number): Expression {
    const parts: Expression[] = []
    for (let part = this.part(depth); part; part = this.part(depth)) {
      parts.push(this.repeated(part))
      if (depth === 0) this.match(IN_LINE)
      if (depth === 0 && this.match(NEXT_RULE_OR_END)) break
      this.match(BLANKS)
    }
    return sequence(...parts)
  }

  private part(depth: number): Expression | undefined {
    if (this.take('"')) {
      let content = ''
      while (!this.take('"')) content += this.character('"')
      return text(content)
    }
    if (this.take('[')) return this.characterClass()
    if (this.take('.')) return ANY
    this.refuseLookahead()
    if (this.take('(')) {
      this.match(BLANKS)
      const inner = this.alternatives(depth + 1)
      this.match(BLANKS)
      return this.take(')') ? inner : this.fail('`(` without a `)`')
    }
    const name = this.match(NAME)?.[0]
    if (name === 'TagDispatch') this.fail('`TagDispatch` is not supported')
    if (name !== undefined) return { kind: 'rule', rule: this.rule(name) }
    const character = this.source[this.at]
    if (character === undefined || '|)\n\r'.includes(character)) return undefined
    if (character === '<' || character === '!')
      this.fail('tokens, such as `<think>` or `<[1000]>`, are not supported in a grammar')
    return this.fail(`\`${character}\` was not expected`)
  }

  private refuseLookahead(): void {
    if (this.source.startsWith('(=', this.at)) this.fail('`(=` (a lookahead) is not supported')
  }

  private repeated(part: Expression): Expression {
    let result = part
    for (let times = this.match(TIMES); times; times = this.match(TIMES)) {
      const [sign, least, most] = times
      const isOne = least !== undefined && !sign.includes(',')
      const atLeast = least === undefined ? Number(sign === '+') : Number(least)
      const atMost = sign === '?' ? 1 : isOne ? atLeast : most ? Number(most) : undefined
      if (Math.max(atLeast, atMost ?? 0) > MOST_TIMES) this.fail(`more than ${MOST_TIMES} repetitions`)
      if (atMost !== undefined && atMost < atLeast) this.fail('`{}` has its numbers the wrong way round')
      result = repeat(result, atLeast, atMost)
    }
    return this.source[this.at] === '{' ? this.fail('`{` without numbers, such as `{2}`, `{2,}` or `{2,4}`') : result
  }

  private characterClass(): Expression {
    const isNegated = this.take('^')
    const ranges: [number, number][] = []
    while (!this.take(']')) {
      const first = this.character(']').codePointAt(0) as number
      const last = this.match(/-(?!\])/y) ? (this.character(']').codePointAt(0) as number) : first
      if (last < first) this.fail('a range of characters is the wrong way round')
      ranges.push([first, last])
    }
    return characters(ranges, isNegated)
  }

  /** A character, possibly escaped. `end` closes the text that it is in. */
  private character(end: string): string {
    const code = this.match(CODE)
    if (code) {
      const point = Number.parseInt(code[1] ?? code[2] ?? code[3], 16)
      return point <= 0x10ffff ? String.fromCodePoint(point) : this.failAtEscape('U')
    }
    const [character] = this.match(/[^\n\r]/uy) ?? this.fail(`a text or class without its closing \`${end}\``)
    if (character !== '\\') return character
    const name = this.source[this.at++] ?? ''
    if (name in CONTROLS) return CONTROLS[name]
    return /[A-Za-z0-9]/.test(name) || name === '' ? this.failAtEscape(name) : name
  }

  private failAtEscape(name: string): never {
    const digits = { x: 2, u: 4, U: 8 }[name]
    return this.fail(
      digits ? `${digits} hexadecimal digits of a character were expected` : `\`\\${name}\` is not an escape`,
    )
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.source) ?? undefined
    this.at += found?.[0].length ?? 0
    return found
  }

  private take(text: string): boolean {
    const isNext = this.source.startsWith(text, this.at)
    if (isNext) this.at += text.length
    return isNext
  }

  private fail(what: Message): never {
    const line = this.source.slice(0, this.at).split('\n').length
    throw new UserError(phrase`${what}, in line ${line} of the grammar`)
  }
}
