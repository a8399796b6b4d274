import * as z from 'zod'
import { ASK_OPTIONS, formsIn } from '../../../api/ask-options.js'
import { UserError } from '../../../ground/errors.js'
import { parseJson } from '../../../ground/json/json.js'
import { refusedParam } from '../../common/api-error.js'
import type { KeptNulls } from '../../http/body.js'
import { flag, isText, mustBe, only, text, unused } from '../fields.js'
import type { Constraint } from '../request.js'

/* The form of an answer, in the fields of OpenAI, vLLM and llama.cpp. */

/** A JSON Schema, or its JSON as a text, as some clients send it. */
const schema = z.preprocess(
  (value) => (isText(value) ? parsedSchema(value as string) : value),
  z.custom<unknown>(ASK_OPTIONS.schema.includes, mustBe('a JSON Schema')),
)

function parsedSchema(json: string): unknown {
  try {
    return parseJson(new TextEncoder().encode(json), 'the schema')
  } catch (error) {
    if (error instanceof UserError) return null
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

export const formFields = {
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
export const formNulls: { [field: string]: KeptNulls } = {
  response_format: { schema: 'all', json_schema: { schema: 'all' } },
  structured_outputs: { json: 'all' },
  guided_json: 'all',
  json_schema: 'all',
}

const ANY_OBJECT = { type: 'object' }

type ConstraintBody = { [K in keyof typeof formFields]?: z.output<(typeof formFields)[K]> }

/** The constraint that a body asks for. Throws an ApiError if it asks for several. */
export function constraintOf(body: ConstraintBody): Constraint | undefined {
  const { response_format: format, structured_outputs: outputs } = body
  const isSchema = format?.type === 'json_schema'
  const all: Constraint[] = [
    { param: 'response_format', schema: format?.type === 'json_object' ? (format.schema ?? ANY_OBJECT) : undefined },
    { param: 'response_format.json_schema.schema', schema: isSchema ? format.json_schema.schema : undefined },
    { param: 'structured_outputs.json', schema: outputs?.json },
    { param: 'structured_outputs.json_object', schema: outputs?.json_object ? ANY_OBJECT : undefined },
    { param: 'structured_outputs.regex', regex: outputs?.regex },
    { param: 'structured_outputs.grammar', grammar: outputs?.grammar },
    { param: 'structured_outputs.choice', grammar: outputs?.choice && oneOf(outputs.choice) },
    { param: 'guided_json', schema: body.guided_json },
    { param: 'guided_regex', regex: body.guided_regex },
    { param: 'guided_grammar', grammar: body.guided_grammar },
    { param: 'guided_choice', grammar: body.guided_choice && oneOf(body.guided_choice) },
    { param: 'json_schema', schema: body.json_schema },
    { param: 'grammar', grammar: body.grammar },
    { param: 'regex', regex: body.regex },
  ]
  const [constraint, other] = all.filter((one) => formsIn(one).length > 0)
  if (other) throw contrary(constraint.param, other.param, 'both set the form of the answer')
  return constraint
}

/** The error of a body with two fields that exclude each other, in the way that `how` says. */
export function contrary(first: string, other: string, how: string) {
  return refusedParam(other, `"${first}" and "${other}" ${how}; send one of them`)
}

function oneOf(texts: readonly string[]): string {
  return `root ::= ${texts.map(quoted).join(' | ')}`
}

/** A text as GBNF writes it: JSON has two escapes that GBNF lacks. */
function quoted(text: string): string {
  const others: Record<string, string> = { '\\b': '\\x08', '\\f': '\\x0c' }
  return JSON.stringify(text).replace(/\\./g, (pair) => others[pair] ?? pair)
}
