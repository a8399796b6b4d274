import { UserError } from '../../../ground/errors.js'
import { isSameJson } from '../../../ground/json/json.js'
import { keyword, phrase } from '../../../ground/message.js'
import { choicesInOrder } from './choices-in-order.js'
import { choice, EMPTY, type Expression, NEVER, type Rule, repeat, separated, sequence, text } from './expression.js'
import { ANY_STRING, COMMA, jsonString, jsonValue } from './json-text.js'
import { numberExpression } from './number-ranges.js'
import { objectExpression } from './object-expression.js'
import { type ArrayLimits, type Case, failAt, type Located } from './schema-keywords.js'
import { SchemaReader } from './schema-reader.js'
import { stringExpression } from './string-texts.js'

/** Most different combinations of subschemas. */
const MOST_RULES = 20_000

/** JSON that the schema accepts. Throws a UserError that names what is not supported, and its place. */
export function schemaExpression(schema: unknown): Expression {
  return new SchemaWriter(schema).expression()
}

class SchemaWriter {
  private readonly reader: SchemaReader
  private readonly rules = new Map<string, Rule>()
  private readonly open: { rule: Rule; schemas: readonly Located[] }[] = []

  constructor(private readonly root: unknown) {
    this.reader = new SchemaReader(root)
  }

  expression(): Expression {
    const root = this.value([{ schema: this.root, path: '' }])
    for (let next = this.open.pop(); next; next = this.open.pop()) {
      const { rule, schemas } = next
      const path = schemas[0]?.path ?? ''
      rule.body = choice(...this.reader.cases(schemas).map((one) => placed(path, () => this.caseExpression(one))))
    }
    return root
  }

  /** JSON that all of the schemas accept. */
  private value(schemas: readonly Located[]): Expression {
    const telling = schemas.filter(({ schema }) => schema !== true)
    const key = [...new Set(telling.map(({ path }) => `#${path}`))].sort().join(' ')
    const known = this.rules.get(key)
    if (known) return { kind: 'rule', rule: known }
    if (this.rules.size >= MOST_RULES) throw new UserError('it has too many combinations of subschemas')
    const rule: Rule = { body: NEVER }
    this.rules.set(key, rule)
    this.open.push({ rule, schemas: telling })
    return { kind: 'rule', rule }
  }

  private caseExpression(one: Case): Expression {
    switch (one.type) {
      case 'value':
        return jsonValue(one.value)
      case 'null':
        return text('null')
      case 'boolean':
        return choice(text('true'), text('false'))
      case 'number':
        return numberExpression(one.limits)
      case 'string': {
        const { minLength, maxLength, patterns, formats } = one.limits
        const isAny = minLength === 0 && maxLength === undefined && patterns.length + formats.length === 0
        return isAny ? ANY_STRING : jsonString(stringExpression(one.limits))
      }
      case 'array':
        return sequence(text('['), this.items(one.limits), text(']'))
      case 'object':
        return objectExpression(one.limits, this.reader, (schemas) => this.value(schemas))
    }
  }

  private items({ parts, minItems, maxItems, isUnique, contains, path }: ArrayLimits): Expression {
    const longest = Math.max(...parts.map(({ prefix }) => prefix.length), ...contains.map(({ atLeast }) => atLeast))
    const schemasAt = (i: number) => [
      ...parts.flatMap(({ prefix, items }) => prefix[i] ?? items ?? []),
      // `contains` asks for the first items.
      ...contains.filter(({ atLeast }) => i < atLeast).map(({ schema }) => schema),
    ]
    const isForbidden = (i: number) => schemasAt(i).some(({ schema }) => schema === false)
    const firstForbidden = Array.from({ length: longest + 1 }, (_, i) => i).find(isForbidden)
    const most = Math.min(maxItems ?? Infinity, firstForbidden ?? Infinity)
    const least = Math.max(minItems, ...contains.map(({ atLeast }) => atLeast))
    if (most < least) return NEVER
    if (isUnique && most > 1) return this.uniqueItems(schemasAt(0), longest, least, most, path)
    const rest = (from: number): Expression => {
      if (from >= most) return EMPTY
      const item = this.value(schemasAt(from))
      const one = from === 0 ? item : sequence(COMMA, item)
      if (from < longest) {
        const more = sequence(one, rest(from + 1))
        return repeat(more, from >= least ? 0 : 1, 1)
      }
      const atMost = most === Infinity ? undefined : most - from
      return from > 0 ? repeat(one, Math.max(0, least - from), atMost) : separated(item, COMMA, least, atMost)
    }
    return rest(0)
  }

  /** Different values of a list, in the list's order. */
  private uniqueItems(schemas: Located[], longest: number, least: number, most: number, path: string): Expression {
    const cases = this.reader.cases(schemas)
    const values = cases.flatMap((one) =>
      one.type === 'value' ? [one.value] : one.type === 'boolean' ? [true, false] : one.type === 'null' ? [null] : [],
    )
    const isListed = cases.every(({ type }) => type === 'value' || type === 'boolean' || type === 'null')
    if (!isListed || longest > 0) {
      failAt(
        path,
        phrase`${keyword('uniqueItems')} is not supported, except for ${keyword('items')} with an ${keyword('enum')}`,
      )
    }
    const unique = values.filter((value, i) => !values.slice(0, i).some((other) => isSameJson(value, other)))
    return choicesInOrder(
      unique.map((value) => ({ expression: jsonValue(value), isRequired: false })),
      least,
      most,
    )
  }
}

function placed<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UserError) || path === '' || error.message.startsWith('/')) throw error
    throw new UserError(phrase`${path}: ${error}`)
  }
}
