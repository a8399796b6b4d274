import { type Ask, both, CHAT, COMPLETIONS, single, user } from './asks.js'

const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 8 }, size: { enum: ['small', 'large', null] } },
  required: ['name', 'size'],
  additionalProperties: false,
}
const named = (schema: unknown) => ({ type: 'json_schema', json_schema: { name: 'thing', strict: true, schema } })
const list = (items: object, more: object = {}) => ({ json_schema: { type: 'array', items, maxItems: 3, ...more } })

const FORMS: Record<string, object> = {
  'response-format': { response_format: named(SCHEMA) },
  'response-object': { response_format: { type: 'json_object' } },
  'response-object-with-schema': { response_format: { type: 'json_object', schema: SCHEMA } },
  'response-text': { response_format: { type: 'text' } },
  'structured-json': { structured_outputs: { json: SCHEMA } },
  'structured-object': { structured_outputs: { json_object: true } },
  'structured-regex': { structured_outputs: { regex: '[a-c]{2,4}!' } },
  'structured-grammar': { structured_outputs: { grammar: 'root ::= "yes" | "no"' } },
  'structured-choice': { structured_outputs: { choice: ['a lantern', 'a ship'] } },
  'guided-json': { guided_json: JSON.stringify(SCHEMA) },
  'guided-regex': { guided_regex: '\\d{4}-\\d\\d-\\d\\d' },
  'guided-grammar': { guided_grammar: 'root ::= "A" [0-9]{3} "b"' },
  'guided-choice': { guided_choice: ['yes', 'no', 'a "quote"\n'] },
  schema: { json_schema: SCHEMA },
  grammar: { grammar: 'root ::= word (" " word){1,3} "."\nword ::= [a-z]+' },
  regex: { regex: '(lantern|ship)s?( and (lantern|ship))?' },
  cut: { json_schema: SCHEMA, max_tokens: 3 },
  sampled: { json_schema: SCHEMA, temperature: 1, seed: 7, n: 2 },
  numbers: list({ type: 'integer', minimum: 10, maximum: 20 }, { minItems: 2 }),
  texts: list({ type: 'string', pattern: '^[a-z]{3,5}$' }, { minItems: 1 }),
  dates: list({ type: 'string', format: 'date' }, { minItems: 1 }),
  references: { json_schema: { $defs: { a: { const: 'light' } }, anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] } },
  logprobs: { regex: '[ab]{2}', logprobs: 1 },
}

const REFUSED: Record<string, object> = {
  'unsupported-keyword': { json_schema: { type: 'array', items: {}, uniqueItems: true } },
  unsatisfiable: { json_schema: { not: {} } },
  'unknown-type': { response_format: named({ type: 'wrong' }) },
  'schema-missing': { response_format: { type: 'json_schema', json_schema: { name: 'a' } } },
  'schema-not-json': { guided_json: '{"type":' },
  'schema-number': { json_schema: 3 },
  'unknown-reference': { json_schema: { $ref: '#/$defs/none' } },
  'unknown-format': { response_format: { type: 'xml' } },
  'open-regex': { regex: '(a' },
  lookahead: { regex: '(?=a)b' },
  'unknown-rule': { grammar: 'root ::= other' },
  'no-root': { structured_outputs: { grammar: 'start ::= "a"' } },
  'no-grammar': { grammar: 'no grammar' },
  'no-choice': { guided_choice: [] },
  two: { regex: 'a', grammar: 'root ::= "a"' },
  'structural-tag': { structured_outputs: { structural_tag: '{}' } },
  'too-long': { regex: 'a'.repeat(131_073) },
}

const CHATTED = { messages: [user('What is a lantern?')], temperature: 0, max_tokens: 60 }
const COMPLETED = { prompt: 'A lantern is', temperature: 0, max_tokens: 60 }
const { logprobs: scored, ...others } = FORMS

export const FORMED: Ask[] = [
  ...single('form-chat', CHAT, CHATTED, { ...others, logprobs: { ...scored, logprobs: true } }),
  ...both('form-chat-of-both', CHAT, { ...CHATTED, ...FORMS['response-format'] }),
  ...single('form-completion', COMPLETIONS, COMPLETED, FORMS),
  ...single('form-chat-refused', CHAT, CHATTED, REFUSED),
  ...single('form-completion-refused', COMPLETIONS, { ...COMPLETED, stream: true }, REFUSED),
]
