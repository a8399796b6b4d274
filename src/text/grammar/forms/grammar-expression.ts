import type { Grammar } from '../../../api/guide.js'
import { UserError } from '../../../ground/errors.js'
import { phrase } from '../../../ground/message.js'
import { choice, type Expression, separated, sequence, text } from './expression.js'
import { readEbnf } from './read-ebnf.js'
import { readPattern } from './read-pattern.js'
import { schemaExpression } from './schema-expression.js'

const DEEPEST = 100

/** The texts of a grammar, whose special tokens `written` finds. Throws a UserError that names what is wrong. */
export function expressionOf(grammar: Grammar, written: (text: string) => Expression = text, depth = 0): Expression {
  if (depth > DEEPEST) throw new UserError(`a grammar is nested more than ${DEEPEST} deep`)
  const inner = (part: Grammar) => expressionOf(part, written, depth + 1)
  switch (grammar.kind) {
    case 'schema':
      return named('schema', () => schemaExpression(grammar.schema))
    case 'ebnf':
      return named('grammar', () => readEbnf(grammar.text))
    case 'regex':
      return named('regex', () => readPattern(grammar.pattern))
    case 'text':
      return written(grammar.text)
    case 'sequence':
      return sequence(...grammar.parts.map(inner))
    case 'choice':
      return choice(...grammar.options.map(inner))
    case 'repeat':
      return separated(inner(grammar.part), written(grammar.separator ?? ''), grammar.atLeast, grammar.atMost)
  }
}

/** Puts the name of a grammar before its errors. */
export function named<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof UserError ? new UserError(phrase`${what}: ${error}`) : error
  }
}
