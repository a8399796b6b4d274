import type { AskOptions } from '../../../../api/chat.js'
import type { OutputConstraint } from '../../../../api/guide.js'
import { UserError } from '../../../../errors.js'
import { isObject } from '../../../../json.js'
import { THINK_LEVELS } from '../../../parsing/ask-options.js'

/** Fields of a line for thinking and for the form of its answer. */
export const ASK_FIELDS = ['think', 'thinkBudget', 'schema', 'grammar', 'regex'] as const

const FORMS = ['schema', 'grammar', 'regex'] as const

const CHECKS: Record<(typeof ASK_FIELDS)[number], { mustBe: string; includes(value: unknown): boolean }> = {
  think: {
    mustBe: `one of ${THINK_LEVELS.join(', ')}`,
    includes: (value) => THINK_LEVELS.some((level) => level === value),
  },
  thinkBudget: {
    mustBe: 'a whole number from 0 on',
    includes: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  },
  schema: {
    mustBe: 'a JSON Schema: an object, or true or false',
    includes: (value) => isObject(value) || typeof value === 'boolean',
  },
  grammar: { mustBe: 'a text', includes: (value) => typeof value === 'string' },
  regex: { mustBe: 'a text', includes: (value) => typeof value === 'string' },
}

/**
 * Reads these fields of a line. Those that it lacks come from the command line; a form of its own replaces the form
 * there. Throws a UserError that names the field.
 */
export function askFieldsOf(
  fields: Record<string, unknown>,
  defaults: AskOptions & OutputConstraint,
): AskOptions & OutputConstraint {
  for (const name of ASK_FIELDS) {
    const { mustBe, includes } = CHECKS[name]
    if (fields[name] !== undefined && !includes(fields[name])) throw new UserError(`"${name}" must be ${mustBe}`)
  }
  const own = FORMS.filter((name) => fields[name] !== undefined)
  if (own.length > 1) throw new UserError(`give "${own[0]}" or "${own[1]}", not both`)
  const taken = ASK_FIELDS.map((name) => {
    const isForm = FORMS.some((form) => form === name)
    return [name, isForm && own.length > 0 ? fields[name] : (fields[name] ?? defaults[name])] as const
  })
  return Object.fromEntries(taken.filter(([, value]) => value !== undefined))
}

/** These options for a text that is continued as is, which has no thoughts. */
export function withoutThinking({ schema, grammar, regex }: AskOptions & OutputConstraint): OutputConstraint {
  return { schema, grammar, regex }
}
