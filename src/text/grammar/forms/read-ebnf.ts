import { UserError } from '../../../ground/errors.js'
import {
  choice,
  complement,
  EMPTY,
  type Expression,
  normalised,
  type Rule,
  repeat,
  sequence,
  text,
} from './expression.js'
import { ANY } from './read-pattern.js'

const NAME = /[A-Za-z_][A-Za-z0-9_.-]*/y
const MOST_TIMES = 100_000
const DEEPEST = 100
const CONTROLS: Record<string, string> = {
  ...{ n: '\n', r: '\r', t: '\t', v: '\v', f: '\f', b: '\b', a: '\x07', e: '\x1b', 0: '\0' },
}

/** Reads a grammar in llama.cpp's GBNF or XGrammar's EBNF. Throws a UserError that names the line and what is wrong. */
export function readEbnf(source: string): Expression {
  return new EbnfReader(source).grammar()
}

class EbnfReader {
  private at = 0
  private readonly rules = new Map<string, Rule & { isDefined: boolean }>()

  constructor(private readonly source: string) {}

  grammar(): Expression {
    this.skip(true)
    while (this.at < this.source.length) this.definition()
    for (const [name, { isDefined }] of this.rules)
      if (!isDefined) throw new UserError(`the grammar has no rule \`${name}\``)
    const root = this.rules.get('root')
    if (!root) throw new UserError('the grammar has no rule `root`')
    return { kind: 'rule', rule: root }
  }

  private definition(): void {
    const name = this.name()
    if (!name) this.fail('a rule, such as `root ::= "yes" | "no"`, was expected')
    const rule = this.rule(name)
    if (rule.isDefined) this.fail(`the rule \`${name}\` is defined twice`)
    this.skip(true)
    if (!this.take('::=')) this.fail(`\`::=\` was expected after the rule's name \`${name}\``)
    this.skip(true)
    rule.body = this.alternatives(0)
    rule.isDefined = true
    this.skip(true)
    if (this.follows('(=')) this.fail('`(=` (a lookahead) is not supported')
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
    for (;;) {
      const before = this.at
      this.skip(true)
      if (!this.take('|')) {
        this.at = before
        return choice(...options)
      }
      this.skip(true)
      options.push(this.parts(depth))
    }
  }

  private parts(depth: number): Expression {
    const parts: Expression[] = []
    for (;;) {
      const part = this.part(depth)
      if (!part) return sequence(...parts)
      parts.push(this.repeated(part))
      this.skip(depth > 0)
      if (depth === 0 && this.startsRule()) return sequence(...parts)
    }
  }

  /** Whether the text here begins a rule: XGrammar continues rules on the next line. */
  private startsRule(): boolean {
    const before = this.at
    this.skip(true)
    const name = this.name()
    this.skip(true)
    const isRule = name !== undefined && this.follows('::=')
    const isEnd = this.at >= this.source.length && name === undefined
    if (isRule || isEnd) {
      this.at = before
      return true
    }
    this.at = before
    this.skip(true)
    return false
  }

  private part(depth: number): Expression | undefined {
    const character = this.source[this.at]
    if (character === '"') return this.literal()
    if (character === '[') return this.characterClass()
    if (character === '.') {
      this.at++
      return ANY
    }
    if (character === '(') {
      if (this.follows('(=')) this.fail('`(=` (a lookahead) is not supported')
      this.at++
      this.skip(true)
      const inner = this.alternatives(depth + 1)
      this.skip(true)
      if (!this.take(')')) this.fail('`(` without a `)`')
      return inner
    }
    const name = this.name()
    if (name === 'TagDispatch') this.fail('`TagDispatch` is not supported')
    return name === undefined ? this.noPart(character) : { kind: 'rule', rule: this.rule(name) }
  }

  private noPart(character: string | undefined): undefined {
    if (character === undefined || '|)\n\r'.includes(character)) return undefined
    if (character === '<' || character === '!')
      this.fail('tokens, such as `<think>` or `<[1000]>`, are not supported in a grammar')
    return this.fail(`\`${character}\` was not expected`)
  }

  private repeated(part: Expression): Expression {
    let result = part
    for (;;) {
      if (this.take('*')) result = repeat(result, 0)
      else if (this.take('+')) result = repeat(result, 1)
      else if (this.take('?')) result = repeat(result, 0, 1)
      else if (this.follows('{')) result = this.counted(result)
      else return result
    }
  }

  private counted(part: Expression): Expression {
    const numbers = /\{\s*(\d{1,9})\s*(,\s*(\d{0,9})\s*)?\}/y
    numbers.lastIndex = this.at
    const found = numbers.exec(this.source)
    if (!found) this.fail('`{` without numbers, such as `{2}`, `{2,}` or `{2,4}`')
    this.at = numbers.lastIndex
    const atLeast = Number(found[1])
    const atMost = found[2] === undefined ? atLeast : found[3] === '' ? undefined : Number(found[3])
    if (Math.max(atLeast, atMost ?? 0) > MOST_TIMES) this.fail(`more than ${MOST_TIMES} repetitions`)
    if (atMost !== undefined && atMost < atLeast) this.fail('`{}` has its numbers the wrong way round')
    return repeat(part, atLeast, atMost)
  }

  private literal(): Expression {
    this.at++
    let content = ''
    while (!this.take('"')) content += this.character('"')
    return text(content)
  }

  private characterClass(): Expression {
    this.at++
    const isNegated = this.take('^')
    const ranges: [number, number][] = []
    while (!this.take(']')) {
      const first = this.character(']').codePointAt(0) as number
      if (!this.follows('-') || this.source[this.at + 1] === ']') {
        ranges.push([first, first])
        continue
      }
      this.at++
      const last = this.character(']').codePointAt(0) as number
      if (last < first) this.fail('a range of characters is the wrong way round')
      ranges.push([first, last])
    }
    const all = normalised(ranges)
    return { kind: 'class', ranges: isNegated ? complement(all) : all }
  }

  /** A character, possibly escaped. `end` closes the text that it is in. */
  private character(end: string): string {
    const code = this.source.codePointAt(this.at)
    if (code === undefined || code === 0x0a || code === 0x0d)
      this.fail(`a text or class without its closing \`${end}\``)
    const character = String.fromCodePoint(code)
    this.at += character.length
    if (character !== '\\') return character
    const name = this.source[this.at++] ?? ''
    if (name in CONTROLS) return CONTROLS[name]
    const digits = { x: 2, u: 4, U: 8 }[name]
    if (digits) return this.hexadecimal(digits)
    if (/[A-Za-z0-9]/.test(name) || name === '') this.fail(`\`\\${name}\` is not an escape`)
    return name
  }

  private hexadecimal(digits: number): string {
    const read = this.source.slice(this.at, this.at + digits)
    const code = new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(read) ? Number.parseInt(read, 16) : Number.NaN
    if (!(code <= 0x10ffff)) this.fail(`${digits} hexadecimal digits of a character were expected`)
    this.at += digits
    return String.fromCodePoint(code)
  }

  private name(): string | undefined {
    NAME.lastIndex = this.at
    const name = NAME.exec(this.source)?.[0]
    if (name) this.at += name.length
    return name
  }

  /** Skips blanks and comments; `lines`: and line ends. */
  private skip(lines: boolean): void {
    const blanks = lines ? /(?:[ \t\r\n]|#[^\n]*)*/y : /(?:[ \t]|#[^\n]*)*/y
    blanks.lastIndex = this.at
    blanks.exec(this.source)
    this.at = blanks.lastIndex
  }

  private follows(text: string): boolean {
    return this.source.startsWith(text, this.at)
  }

  private take(text: string): boolean {
    if (!this.follows(text)) return false
    this.at += text.length
    return true
  }

  private fail(what: string): never {
    const line = this.source.slice(0, this.at).split('\n').length
    throw new UserError(`${what}, in line ${line} of the grammar`)
  }
}
