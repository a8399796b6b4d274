import * as assert from 'uvu/assert'
import type { Grammar } from '#molm/api/guide.js'
import { UserError } from '#molm/ground/errors.js'
import { GuideClient } from '#molm/text/grammar/guide-client.js'
import { GuideReader } from '#molm/text/grammar/guide-ends.js'
import { guidedText, tokenizerOf } from '../../support/guided-text.js'
import { ownTime } from '../../support/own-time.js'

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789 "{}[]:,.-']
export const TOKENS = ['<eos>', ...LETTERS, ...LETTERS.flatMap((a) => LETTERS.slice(0, 12).map((b) => a + b))]
export const TOKENIZER = tokenizerOf(TOKENS, ['<eos>'])
export const first = (mask: Int32Array | undefined): number => {
  if (!mask) return 1
  const word = mask.findIndex((bits, i) => (i === 0 ? bits & ~1 : bits) !== 0)
  const bits = word === 0 ? mask[0] & ~1 : mask[word]
  return 32 * word + 31 - Math.clz32(bits & -bits)
}
export const WORD = { phases: [{ kind: 'grammar', grammar: { kind: 'regex', pattern: '[a-c]{5}' } }] } as const

const deep = (levels: number): unknown => {
  let schema: unknown = { type: 'integer' }
  for (let i = 0; i < levels; i++) schema = { type: 'array', items: schema, minItems: 1, maxItems: 1 }
  return schema
}
const nested = (levels: number): string => `${'('.repeat(levels)}a${')'.repeat(levels)}`

export const HOSTILE: [name: string, grammar: Grammar][] = [
  ['a million characters', { kind: 'regex', pattern: 'a'.repeat(1_000_000) }],
  ['groups in groups', { kind: 'regex', pattern: nested(50_000) }],
  ['groups in groups of EBNF', { kind: 'ebnf', text: `root ::= ${nested(50_000)}` }],
  ['repetitions of repetitions', { kind: 'regex', pattern: '(((a{1,1000}){1,1000}){1,1000}){1,1000}' }],
  ['an exponential pattern', { kind: 'regex', pattern: '(a|a|aa)+$' }],
  ['five patterns of names', { kind: 'schema', schema: { patternProperties: { a: {}, b: {}, c: {}, d: {}, e: {} } } }],
  ['long lengths', { kind: 'schema', schema: { pattern: 'a.*b', minLength: 4000, maxLength: 4900 } }],
  ['a schema ten thousand deep', { kind: 'schema', schema: deep(10_000) }],
  [
    'alternatives that multiply',
    {
      kind: 'schema',
      schema: { allOf: Array.from({ length: 30 }, () => ({ anyOf: [{ minimum: 1 }, { maximum: 2 }, {}] })) },
    },
  ],
  [
    'many properties',
    {
      kind: 'schema',
      schema: {
        type: 'object',
        properties: Object.fromEntries(
          Array.from({ length: 3000 }, (_, i) => [`p${i}`, { type: 'string', pattern: '^[a-z]{1,50}$' }]),
        ),
        minProperties: 100,
      },
    },
  ],
  ['an endless recursion', { kind: 'ebnf', text: 'root ::= x\nx ::= y | "a"\ny ::= x' }],
  ['a rule without texts', { kind: 'ebnf', text: 'root ::= "a" root' }],
  ['many readings', { kind: 'ebnf', text: 'root ::= ("a" root?){2,} | "b"' }],
]

/** Those that take longest. */
export const SLOW: typeof HOSTILE = [
  ['two million characters', { kind: 'regex', pattern: 'a'.repeat(2_000_000) }],
  ['an ambiguous pattern', { kind: 'regex', pattern: '(.{0,200}){0,200}' }],
  [
    'a pattern with exponentially many states',
    { kind: 'schema', schema: { pattern: '(a|b)*a(a|b){30}', minLength: 3 } },
  ],
  ['a schema a hundred thousand deep', { kind: 'schema', schema: deep(100_000) }],
]

/** Checks that each grammar gives a text or an error in words, soon, and that another guide continues. */
export async function areSurvived(grammars: typeof HOSTILE): Promise<void> {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  for (const [name, grammar] of grammars) {
    const other = await guides.open(WORD, { eos: [0] })
    const reader = new GuideReader(other.memory, TOKENS.length)
    const spec = { phases: [{ kind: 'grammar', grammar }] } as const
    const start = ownTime()
    const hostile = guidedText(guides, spec, { tokenizer: TOKENIZER, choose: first, eos: [0], most: 40 })
    await hostile.catch((error) => {
      assert.ok(error instanceof UserError || /too|grammar/.test(error.message), `${name}: ${error.stack}`)
      assert.not.match(error.message, /at .*\.js|undefined|RangeError|stack size/, name)
      assert.ok(error.message.length < 300, name)
    })
    assert.ok(ownTime() - start < 30_000, name)
    for (let i = 0; i < 5; i++) {
      assert.is(reader.directive(5000)?.kind, 'masked', name)
      reader.tell(TOKENS.indexOf('a'))
    }
    assert.is(reader.directive(5000)?.kind, 'done', name)
    other.close()
  }
  await guides.close()
}
