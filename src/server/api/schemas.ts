import { z } from 'zod'
import { flag, isText, isTokenId, mustBe, text } from './body-fields.js'

/** Unlike `prompt`, names the wrong element. */
const tokenIds = z.unknown().transform((list, { issues }): number[] => {
  const wrong = (message: string, ...path: number[]) => {
    issues.push({ code: 'custom', input: list, message, path })
    return z.NEVER
  }
  if (list === undefined) return wrong('is missing')
  if (!Array.isArray(list)) return wrong('must be a list of token ids')
  const at = list.findIndex((id) => !isTokenId(id))
  return at < 0 ? list : wrong('must be a token id', at)
})

export const tokenizeBody = z.strictObject({
  model: text.optional(),
  prompt: text,
  add_special_tokens: flag.optional(),
  return_token_strs: flag.optional(),
})

/** Longest name of a mark, in characters. */
const MARK_NAME = 64

export const markBody = z.strictObject({
  model: text.optional(),
  name: z.custom<string>(
    (value) => isText(value) && (value as string).length >= 1 && (value as string).length <= MARK_NAME,
    mustBe(`a text of 1 to ${MARK_NAME} characters`),
  ),
})

export const detokenizeBody = z.strictObject({ model: text.optional(), tokens: tokenIds })
