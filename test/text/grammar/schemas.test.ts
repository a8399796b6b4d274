import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { UserError } from '#molm/ground/errors.js'
import type { Expression } from '#molm/text/grammar/forms/expression.js'
import { schemaExpression } from '#molm/text/grammar/forms/schema-expression.js'
import { GuideClient } from '#molm/text/grammar/guide-client.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { ExpressionTexts } from '../../support/expression-texts.js'
import { fixturePath, repositoryPath } from '../../support/fixtures.js'
import { guidedText, hasteOf } from '../../support/guided-text.js'
import { Recogniser } from '../../support/recogniser.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suite('texts of schemas')

interface Published {
  draft: string
  file: string
  description: string
  schema: unknown
}

/** Schemas of the JSON Schema Test Suite, drafts 2020-12 and 7. */
const PUBLISHED: Published[] = readFileSync(fixturePath('json-schema/suite.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

/** ajv applies `unevaluatedItems` to items that another schema of `anyOf` has evaluated. */
const WRONG_IN_AJV = ['unevaluatedItems with nested items']

function expressionOf(schema: unknown): Expression | undefined {
  try {
    return schemaExpression(schema)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return undefined
  }
}

const OPTIONS = { strict: false, ownProperties: true, logger: false } as const
const AJV: Record<string, Ajv> = { draft7: new Ajv(OPTIONS), 'draft2020-12': new Ajv2020(OPTIONS) }
for (const ajv of Object.values(AJV)) formats.default(ajv)

/** ajv's validator; undefined if ajv cannot read the schema. */
function validatorOf({ draft, schema }: Pick<Published, 'draft' | 'schema'>) {
  const ajv = AJV[draft]
  try {
    ajv.removeSchema(/^(?!.*json-schema.org)/)
    return ajv.compile(schema as object)
  } catch {
    return undefined
  }
}

/** Checks that texts of every `each`th published schema are valid. Returns the numbers of refused and of empty schemas. */
function checkPublished(each: number, texts: number): { refused: number; empty: number } {
  const random = seededRandom(3)
  const counts = { refused: 0, empty: 0 }
  for (const [index, published] of PUBLISHED.entries()) {
    if (WRONG_IN_AJV.includes(published.description)) continue
    const expression = expressionOf(published.schema)
    if (!expression) counts.refused++
    if (!expression || index % each > 0) continue
    const validate = validatorOf(published)
    const source = new ExpressionTexts(expression, () => random.nextFloat())
    for (let i = 0; validate && i < texts; i++) {
      const text = source.next(5 + Math.floor(60 * random.nextFloat()))
      if (text === undefined) {
        counts.empty++
        break
      }
      const place = `${published.file}, ${published.description}: ${JSON.stringify(published.schema)} => ${text}`
      assert.ok(validate(JSON.parse(text)), `${place}\n${JSON.stringify(validate.errors)}`)
    }
  }
  return counts
}

test('every text of a published schema that is not refused is valid JSON of it', () => {
  const counts = checkPublished(3, 12)
  // Each support that is lost shows here.
  assert.ok(counts.refused <= 136 && counts.empty < 8, JSON.stringify(counts))
})

test('texts of guides in the tokens of nano are valid, too', async () => {
  const tokenizer = await loadTokenizer(repositoryPath('models/nano'))
  assert.ok(tokenizer)
  const guides = new GuideClient(tokenizer, tokenizer.vocabSize)
  const random = seededRandom(5)
  const choose = hasteOf(() => random.nextFloat(), tokenizer)
  const ends = { whole: 0, cut: 0 }
  for (const published of PUBLISHED.filter((_, i) => i % 10 === 0)) {
    const validate = validatorOf(published)
    if (WRONG_IN_AJV.includes(published.description) || !validate) continue
    const spec = { phases: [{ kind: 'grammar', grammar: { kind: 'schema', schema: published.schema } } as const] }
    const written = await guidedText(guides, spec, {
      tokenizer,
      choose,
      eos: [...tokenizer.specialIds],
      most: 150,
    }).catch((error) => {
      assert.instance(error, UserError)
    })
    if (!written) continue
    ends[written.end === 'length' ? 'cut' : 'whole']++
    if (written.end === 'length') continue
    const place = `${JSON.stringify(published.schema)} => ${written.text}`
    assert.ok(validate(JSON.parse(written.text)), place)
  }
  await guides.close()
  assert.ok(ends.whole > 24 && ends.cut < 8, JSON.stringify(ends))
})

test('integers keep their limits', () => {
  const random = seededRandom(11)
  const number = () =>
    Number(((random.nextFloat() - 0.5) * 10 ** (4 * random.nextFloat())).toFixed(Math.floor(4 * random.nextFloat())))
  for (let i = 0; i < 250; i++) {
    const schema: Record<string, unknown> = { type: 'integer' }
    if (random.nextFloat() < 0.7) schema[random.nextFloat() < 0.5 ? 'minimum' : 'exclusiveMinimum'] = number()
    if (random.nextFloat() < 0.7) schema[random.nextFloat() < 0.5 ? 'maximum' : 'exclusiveMaximum'] = number()
    const validate = validatorOf({ draft: 'draft2020-12', schema })
    const texts = new ExpressionTexts(schemaExpression(schema), () => random.nextFloat())
    for (let j = 0; j < 10; j++) {
      const text = texts.next()
      if (text === undefined) break
      assert.ok(validate?.(JSON.parse(text)), `${JSON.stringify(schema)} => ${text}`)
    }
  }
})

test('integers between two limits are all there', () => {
  for (const [minimum, maximum] of [
    [0, 120],
    [-15, 7],
    [98, 1003],
    [5, 5],
    [-300, -99],
  ]) {
    const random = seededRandom(1)
    const texts = new ExpressionTexts(schemaExpression({ type: 'integer', minimum, maximum }), () => random.nextFloat())
    const seen = new Set<number>()
    for (let i = 0; i < 20 * (maximum - minimum + 20); i++) seen.add(Number(texts.next()))
    const wanted = Array.from({ length: maximum - minimum + 1 }, (_, i) => minimum + i)
    assert.equal(
      wanted.filter((number) => !seen.has(number)).length < wanted.length / 20,
      true,
      `${minimum} ${maximum}`,
    )
    assert.ok([...seen].every((number) => number >= minimum && number <= maximum))
  }
})

test('an alternative without keywords accepts every type', () => {
  const recogniser = new Recogniser(schemaExpression({ anyOf: [{ type: 'number' }, { description: 'anything else' }] }))
  for (const text of ['null', '-1.5', '"a"', '[true, {}]', '{"a":false}']) {
    assert.ok(recogniser.after(recogniser.start(), text).has(undefined), text)
  }
})

const REFUSED: [schema: unknown, message: RegExp][] = [
  [{ properties: { a: { not: { const: 1 } } } }, /^\/properties\/a: `not` is not supported/],
  [JSON.parse('{ "if": { "type": "string" }, "then": false }'), /^`if` is not supported/],
  [{ type: 'array', items: { type: 'string' }, uniqueItems: true }, /^`uniqueItems` is not supported/],
  [{ properties: { a: { type: 'integer', multipleOf: 2 } } }, /^\/properties\/a: `multipleOf` is not supported$/],
  [
    { items: { type: 'number', maximum: 1 } },
    /^\/items: `maximum` is not supported, except with the `type` "integer"$/,
  ],
  [{ type: 'string', format: 'colour' }, /^`format` "colour" is not supported/],
  [{ properties: { a: { pattern: '(?=a)' } } }, /^\/properties\/a: lookahead/],
  [{ type: 'strin' }, /^`type` "strin" is not a type/],
  [{ $ref: 'https://example.com/city' }, /^`\$ref` "https:\/\/example.com\/city" names no schema/],
  [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, /^\/\$defs\/a: it refers to itself/],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, /^`oneOf` is not supported if a value may match several/],
  [{ properties: { a: { minimum: '3' } } }, /^\/properties\/a: `minimum` must be a number/],
  [{ enum: Array.from({ length: 100_000 }, (_, i) => `${i}`) }, /^`enum` may have 2000 values/],
  [{ properties: [] }, /^`properties` must be an object of schemas/],
  ['text', /a schema must be an object, true or false/],
]

test('what is not supported is refused with its name and its place', async () => {
  for (const [schema, message] of REFUSED) await rejectsWithUserError(() => schemaExpression(schema), message)
})

test('a schema that no value satisfies is refused', async () => {
  const tokenizer = await loadTokenizer(repositoryPath('models/nano'))
  assert.ok(tokenizer)
  const guides = new GuideClient(tokenizer, tokenizer.vocabSize)
  for (const schema of [
    false,
    { type: 'integer', minimum: 3, maximum: 2 },
    { enum: [] },
    { type: 'string', minLength: 3, maxLength: 2 },
    { type: 'object', properties: { a: false }, required: ['a'] },
    { type: 'string', const: 1 },
    { $ref: '#/$defs/a', $defs: { a: { type: 'array', items: { $ref: '#/$defs/a' }, minItems: 1 } } },
  ]) {
    const spec = { phases: [{ kind: 'grammar', grammar: { kind: 'schema', schema } } as const] }
    await guides.open(spec, { eos: [] }).then(
      () => assert.unreachable(JSON.stringify(schema)),
      (error) => assert.is(error.message, 'schema: no text satisfies it'),
    )
  }
  await guides.close()
})

test.run()
