import { ASK_OPTIONS, type Asking, type AskName, FORMS, formsIn } from '../../../../api/ask-options.js'
import type { OutputConstraint } from '../../../../api/guide.js'
import { UserError } from '../../../../ground/errors.js'
import { optional } from '../../../../ground/json/forms.js'
import type { JsonReader } from '../../../../ground/json/reader.js'

/** Fields of a line for thinking and for the form of its answer. */
export const ASK_FIELDS = ['think', 'thinkBudget', ...FORMS] as const

/**
 * Reads these fields of a line. Missing fields come from the command line; a form in the line replaces the form there.
 * Throws a UserError that names the field.
 */
export function askFieldsOf(fields: JsonReader, defaults: Asking): Asking {
  const own = Object.fromEntries(ASK_FIELDS.map((name) => [name, askedIn(fields, name)]))
  const forms = formsIn(own)
  if (forms.length > 1) throw new UserError(`give "${forms[0]}" or "${forms[1]}", not both`)
  const taken = ASK_FIELDS.map((name) => {
    const isReplaced = forms.length > 0 && FORMS.some((form) => form === name)
    return [name, isReplaced ? own[name] : (own[name] ?? defaults[name])] as const
  })
  return Object.fromEntries(taken.filter(([, value]) => value !== undefined))
}

/** The value of a field that asks, as the table has it. */
export function askedIn<N extends AskName>(fields: JsonReader, name: N): Asking[N] {
  const { includes, mustBe } = ASK_OPTIONS[name]
  return fields.in(name).as(optional<unknown>(includes), mustBe) as Asking[N]
}

/** These options for a text that is continued as is, which has no thoughts. */
export function withoutThinking({ schema, grammar, regex }: Asking): OutputConstraint {
  return { schema, grammar, regex }
}
