import type { AskOptions } from '../../../../api/chat-options.js'
import type { OutputConstraint } from '../../../../api/guide.js'
import { UserError } from '../../../../ground/errors.js'
import { anyOf, type Form, isCount, isFlag, isText, oneOf, optional } from '../../../../ground/json/forms.js'
import { isObject } from '../../../../ground/json/json.js'
import type { JsonReader } from '../../../../ground/json/reader.js'
import { THINK_LEVELS } from '../../../parsing/ask-options.js'

/** Fields of a line for thinking and for the form of its answer. */
export const ASK_FIELDS = ['think', 'thinkBudget', 'schema', 'grammar', 'regex'] as const

const FORMS = ['schema', 'grammar', 'regex'] as const

const CHECKS: Record<(typeof ASK_FIELDS)[number], readonly [form: Form<unknown>, mustBe: string]> = {
  think: [optional(oneOf(THINK_LEVELS)), `one of ${THINK_LEVELS.join(', ')}`],
  thinkBudget: [optional(isCount), 'a whole number from 0 on'],
  schema: [optional(anyOf(isObject, isFlag)), 'a JSON Schema: an object, or true or false'],
  grammar: [optional(isText), 'a text'],
  regex: [optional(isText), 'a text'],
}

/**
 * Reads these fields of a line. Missing fields come from the command line; a form in the line replaces the form there.
 * Throws a UserError that names the field.
 */
export function askFieldsOf(
  fields: JsonReader,
  defaults: AskOptions & OutputConstraint,
): AskOptions & OutputConstraint {
  const own = Object.fromEntries(ASK_FIELDS.map((name) => [name, fields.in(name).as(...CHECKS[name])]))
  const forms = FORMS.filter((name) => own[name] !== undefined)
  if (forms.length > 1) throw new UserError(`give "${forms[0]}" or "${forms[1]}", not both`)
  const taken = ASK_FIELDS.map((name) => {
    const isReplaced = forms.length > 0 && FORMS.some((form) => form === name)
    return [name, isReplaced ? own[name] : (own[name] ?? defaults[name])] as const
  })
  return Object.fromEntries(taken.filter(([, value]) => value !== undefined))
}

/** These options for a text that is continued as is, which has no thoughts. */
export function withoutThinking({ schema, grammar, regex }: AskOptions & OutputConstraint): OutputConstraint {
  return { schema, grammar, regex }
}
