import { z } from 'zod'
import { common, flag, isText, isTokenId, MOST_LIKELIEST, mustBe, only, text, wholeFrom } from './body-fields.js'
import { constraintFields } from './constraint-fields.js'

/** Texts or lists of token ids, one or several; the first element decides which. */
function isPrompt(value: unknown): value is string | string[] | number[] | number[][] {
  if (!Array.isArray(value)) return isText(value)
  if (isText(value[0])) return value.every(isText)
  if (Array.isArray(value[0])) return value.every((ids) => Array.isArray(ids) && ids.every(isTokenId))
  return value.every(isTokenId)
}

export const completionBody = z.strictObject({
  ...common,
  ...constraintFields,
  prompt: z.custom<string | string[] | number[] | number[][]>(
    isPrompt,
    mustBe('a text, a list of texts, a list of token ids or a list of such lists'),
  ),
  echo: flag.optional(),
  logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  suffix: text.optional(),
  best_of: only(1),
})
type Fields = z.output<typeof completionBody>
/** The fields that endpoints of other APIs translate theirs to. */
export type CompletionBody = Partial<Fields> & Pick<Fields, 'prompt'>
