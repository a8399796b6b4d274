import { z } from 'zod'
import { GENERATION_OPTIONS, type GenerationSettings, type OptionName } from '../generation-options.js'

/*
 * What bodies may have in them. A field that is not here is refused by its name; one that is here for the sake of clients
 * that always send it may only have the value that changes nothing. Null stands for a field that is left out.
 */

const mustBe = (what: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is missing' : `must be ${what}`),
})

const text = z.string(mustBe('a text'))
const flag = z.boolean(mustBe('true or false'))
const wholeFrom = (least: number, most: number) =>
  z.custom<number>(
    (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    mustBe(`a whole number from ${least} to ${most}`),
  )

const tokenId = z.custom<number>((value) => Number.isInteger(value) && (value as number) >= 0, mustBe('a token id'))
export const tokenIds = z.array(tokenId, mustBe('a list of token ids'))

/** A field that need not be there. */
function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => (value ?? undefined) as z.output<T> | undefined)
}

/** An option of the library, with its own range. */
function option<K extends OptionName>(name: K) {
  const { includes, mustBe: range } = GENERATION_OPTIONS[name]
  return maybe(z.custom<GenerationSettings[K]>((value) => includes(value), mustBe(range)))
}

/** A field that is not supported, with the values that ask for nothing. */
function only(...values: unknown[]) {
  const neutral = values.map((value) => JSON.stringify(value))
  return maybe(
    z.custom<unknown>((value) => neutral.includes(JSON.stringify(value)), {
      error: `is not supported, but as ${neutral.join(' or ')}`,
    }),
  )
}

/** A text or several. */
const stop = maybe(
  z
    .union([text.transform((value) => [value]), z.array(text)], mustBe('a text or a list of texts'))
    .refine((texts) => GENERATION_OPTIONS.stop.includes(texts), `must be ${GENERATION_OPTIONS.stop.mustBe}`),
)

const common = {
  model: maybe(text),
  temperature: option('temperature'),
  top_p: option('topP'),
  top_k: option('topK'),
  min_p: option('minP'),
  repetition_penalty: option('repeatPenalty'),
  seed: option('seed'),
  max_tokens: option('maxTokens'),
  ignore_eos: option('ignoreEos'),
  stop,
  n: maybe(wholeFrom(1, 128)),
  stream: maybe(flag),
  stream_options: maybe(z.strictObject({ include_usage: maybe(flag) }, mustBe('an object'))),
  routed_experts: maybe(flag),
  /** Only a name for whoever asks; nothing is done with it. */
  user: maybe(text),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: only({}),
}

/** A text, several, the token ids of one, or those of several; as one of the last two forms of a list. */
const prompt = z.union([text, tokenIds, z.array(text), z.array(tokenIds)], {
  error: ({ input }) =>
    input === undefined ? 'is missing' : 'must be a text, a list of texts, a list of token ids or a list of such lists',
})

const MOST_LIKELIEST = 20

export const completionBody = z.strictObject({
  ...common,
  prompt,
  echo: maybe(flag),
  logprobs: maybe(wholeFrom(0, MOST_LIKELIEST)),
  suffix: only(''),
  best_of: only(1),
})
export type CompletionBody = z.output<typeof completionBody>

/** Texts in parts, which are put together as they are. */
const content = z
  .union(
    [text, z.array(z.strictObject({ type: z.literal('text'), text }))],
    mustBe('a text, or a list of {"type": "text", "text": ...}; nothing else is supported'),
  )
  .transform((value) => (typeof value === 'string' ? value : value.map((part) => part.text).join('')))

const message = z.strictObject(
  {
    role: z
      .enum(['system', 'developer', 'user', 'assistant'], mustBe('system, developer, user or assistant'))
      // What OpenAI's newer models call a system text.
      .transform((role) => (role === 'developer' ? 'system' : role)),
    content,
    tool_calls: only([]),
    refusal: only(),
  },
  mustBe('an object with a role and a content'),
)

export const chatBody = z.strictObject({
  ...common,
  messages: z.array(message, mustBe('a list of messages')).min(1, 'must have a message in it'),
  max_completion_tokens: option('maxTokens'),
  logprobs: maybe(flag),
  top_logprobs: maybe(wholeFrom(0, MOST_LIKELIEST)),
  tools: only([]),
  tool_choice: only('none', 'auto'),
  response_format: only({ type: 'text' }),
  modalities: only(['text']),
  store: only(false),
})
export type ChatBody = z.output<typeof chatBody>

export const tokenizeBody = z.strictObject({
  model: maybe(text),
  prompt: text,
  add_special_tokens: maybe(flag),
  return_token_strs: maybe(flag),
})

export const detokenizeBody = z.strictObject({ model: maybe(text), tokens: tokenIds })
