import { z } from 'zod'
import type { OutputConstraint } from '../../api/guide.js'
import { UserError } from '../../errors.js'
import { isObject, parseJson } from '../../json.js'
import { ApiError } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import type { KeptNulls } from '../http/without-nulls.js'
import { flag, isText, mustBe, only, text, unused } from './body-fields.js'

/*
 * The form of an answer, as clients of OpenAI's API, vLLM and llama.cpp ask for it. All of it becomes a schema, a grammar or a
 * regular expression.
 */

/** A JSON Schema: an object or a boolean, or its JSON as a text, as some clients send it. */
const schema = z.unknown().transform((value, { issues }): unknown => {
  const wrong = (message: string) => {
    issues.push({ code: 'custom', input: value, message })
    return z.NEVER
  }
  if (value === undefined) return wrong('is missing')
  const parsed = isText(value) ? parsedSchema(value as string) : value
  return isObject(parsed) || typeof parsed === 'boolean' ? parsed : wrong('must be a JSON Schema')
})

function parsedSchema(json: string): unknown {
  try {
    return parseJson(Buffer.from(json), 'the schema')
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

const choice = z
  .custom<string[]>(
    (value) => Array.isArray(value) && value.length > 0 && value.every((one) => isText(one) && one !== ''),
    mustBe('a list of texts, none of them empty'),
  )
  .optional()

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    // With a schema it is Together's and llama.cpp's form of json_schema.
    z.strictObject({ type: z.literal('json_object'), schema: schema.optional() }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject(
        { name: unused(text), description: unused(text), strict: unused(flag), schema },
        mustBe('an object with a schema'),
      ),
    }),
  ],
  {
    error: ({ code }) => {
      const types = '"text", "json_object" or "json_schema"'
      return code === 'invalid_union' ? `must be ${types}` : `must be an object whose "type" is ${types}`
    },
  },
)

const structuredOutputs = z.strictObject(
  {
    json: schema.optional(),
    json_object: flag.optional(),
    regex: text.optional(),
    grammar: text.optional(),
    choice,
    structural_tag: only(),
    whitespace_pattern: only(),
    disable_any_whitespace: only(false),
    disable_additional_properties: only(false),
    disable_fallback: unused(flag),
  },
  mustBe('an object'),
)

export const constraintFields = {
  response_format: responseFormat.optional(),
  structured_outputs: structuredOutputs.optional(),
  guided_json: schema.optional(),
  guided_regex: text.optional(),
  guided_grammar: text.optional(),
  guided_choice: choice,
  guided_decoding_backend: unused(text),
  guided_whitespace_pattern: only(),
  json_schema: schema.optional(),
  grammar: text.optional(),
  regex: text.optional(),
}

/** A null in a schema has a meaning. */
export const constraintNulls: { [field: string]: KeptNulls } = {
  response_format: { schema: 'all', json_schema: { schema: 'all' } },
  structured_outputs: { json: 'all' },
  guided_json: 'all',
  json_schema: 'all',
}

type ConstraintFields = { [K in keyof typeof constraintFields]?: z.output<(typeof constraintFields)[K]> }

/** A constraint, and the field that asks for it. */
export interface AskedConstraint extends OutputConstraint {
  field?: string
}

const ANY_OBJECT = { type: 'object' }

/** The form that a body asks for. Throws an ApiError if it asks for several, or for one that is too long. */
export function constraintOf(body: ConstraintFields, { limits }: { limits: Pick<Limits, 'constraintCharacters'> }) {
  const { response_format: format, structured_outputs: outputs } = body
  const forms: AskedConstraint[] = [
    { field: 'response_format', schema: format?.type === 'json_object' ? (format.schema ?? ANY_OBJECT) : undefined },
    {
      field: 'response_format.json_schema.schema',
      schema: format?.type === 'json_schema' ? format.json_schema.schema : undefined,
    },
    { field: 'structured_outputs.json', schema: outputs?.json },
    { field: 'structured_outputs.json_object', schema: outputs?.json_object ? ANY_OBJECT : undefined },
    { field: 'structured_outputs.regex', regex: outputs?.regex },
    { field: 'structured_outputs.grammar', grammar: outputs?.grammar },
    { field: 'structured_outputs.choice', grammar: outputs?.choice && oneOf(outputs.choice) },
    { field: 'guided_json', schema: body.guided_json },
    { field: 'guided_regex', regex: body.guided_regex },
    { field: 'guided_grammar', grammar: body.guided_grammar },
    { field: 'guided_choice', grammar: body.guided_choice && oneOf(body.guided_choice) },
    { field: 'json_schema', schema: body.json_schema },
    { field: 'grammar', grammar: body.grammar },
    { field: 'regex', regex: body.regex },
  ]
  const [asked, other] = forms.filter(({ schema, grammar, regex }) => (schema ?? grammar ?? regex) !== undefined)
  if (!asked) return {}
  if (other) {
    const message = `"${asked.field}" and "${other.field}" both set the form of the answer; send one of them`
    throw new ApiError(400, message, { param: other.field })
  }
  const { field, schema, grammar, regex } = asked
  const { length } = grammar ?? regex ?? JSON.stringify(schema)
  if (length > limits.constraintCharacters) {
    const message = `"${field}" has ${length} characters; the limit is ${limits.constraintCharacters}`
    throw new ApiError(400, message, { param: field, code: 'too_large' })
  }
  return asked
}

/** A grammar of a few texts. */
function oneOf(texts: readonly string[]): string {
  return `root ::= ${texts.map(quoted).join(' | ')}`
}

/** A text as GBNF writes it: JSON has two escapes that GBNF lacks. */
function quoted(text: string): string {
  const others: Record<string, string> = { '\\b': '\\x08', '\\f': '\\x0c' }
  return JSON.stringify(text).replace(/\\./g, (pair) => others[pair] ?? pair)
}
