import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Grammar, GuidePhase } from '#molm/api/guide.js'
import { GuideClient } from '#molm/text/grammar/guide-client.js'
import { allowedBy, guidedText, tokenizerOf } from '../../support/guided-text.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suite('phases of a guide')

const TOKENS = [
  '<eos>',
  '<|call|>',
  '<think>',
  '</think>',
  ...' \nabcxyz{}"1',
  '</',
  'think>',
  '>\n',
  '>{',
  'k>a',
  '<|',
  'call',
  '|>',
  'th',
  'in',
]
const TOKENIZER = tokenizerOf(TOKENS, ['<eos>', '<|call|>'])
const EOS = 0
const guides = new GuideClient(TOKENIZER, TOKENS.length)
/** A call of `{"1"}`, whose keys a linter does not take for a promise's. */
const CALL = Object.fromEntries([
  ['text', '{'],
  ['then', { kind: 'text', text: '"1"}' }],
]) as { text: string; then: Grammar }
const [A_OR_B, AB] = [
  { kind: 'regex', pattern: '[ab]' },
  { kind: 'text', text: 'ab' },
] as const

test.after(() => guides.close())

/** Writes the tokens of a script, and records the tokens that were allowed before each. */
async function write(phases: GuidePhase[], script: string[]) {
  const choices: string[][] = []
  const written = await guidedText(
    guides,
    { phases },
    {
      tokenizer: TOKENIZER,
      eos: [EOS],
      most: 40,
      choose: (mask) => {
        const allowed = mask ? allowedBy(mask, TOKENS.length) : TOKENS.map((_, id) => id)
        choices.push(allowed.map((id) => TOKENS[id]))
        const next = script[choices.length - 1]
        if (next === undefined) throw new Error(`the script is over; allowed: ${choices.at(-1)?.join(' ')}`)
        assert.ok(choices.at(-1)?.includes(next), `${next} is not among ${choices.at(-1)?.join(' ')}`)
        return TOKENS.indexOf(next)
      },
    },
  )
  return { ...written, choices }
}

test('free text continues to a literal, and does not end before it', async () => {
  const { text, end, choices } = await write(
    [
      { kind: 'free', until: ['</think>'] },
      { kind: 'grammar', grammar: A_OR_B },
    ],
    ['x', '</think>', 'a'],
  )
  assert.is(text, 'x</think>a')
  assert.is(end, 'done')
  assert.not.ok(choices[0].includes('<eos>'))
  assert.ok(choices[0].includes('<|call|>'))
  assert.equal(choices[2], ['a', 'b'])
})

test('a literal is found across tokens', async () => {
  const { text } = await write(
    [
      { kind: 'free', until: ['</think>'] },
      { kind: 'grammar', grammar: A_OR_B },
    ],
    ['</', 'th', 'in', 'k>a'],
  )
  assert.is(text, '</think>a')
})

test('a token that reaches beyond a literal must fit the text after it', async () => {
  const followed = await write(
    [
      { kind: 'free', until: ['think'] },
      { kind: 'grammar', grammar: A_OR_B },
    ],
    ['th', 'in', 'x', 'th', 'in', 'k>a'],
  ).catch((error: Error) => error.message)
  assert.match(String(followed), /^k>a is not among/)
  const { choices, end } = await write([{ kind: 'free', until: ['think>'] }], ['th', 'in', 'x', 'think>'])
  assert.ok(choices[0].includes('k>a'))
  assert.not.ok(choices[2].includes('k>a'))
  assert.is(end, 'done')
})

test('a budget forces the end of free text', async () => {
  const { text, forced, choices } = await write(
    [
      { kind: 'free', until: ['</think>'], budget: 3, close: '\n</think>\n' },
      { kind: 'grammar', grammar: AB },
    ],
    ['x', 'y', 'z'],
  )
  assert.is(text, 'xyz\n</think>\nab')
  assert.is(forced, 5)
  assert.is(choices.length, 3)
})

test('a budget of 0 forces the end at once', async () => {
  const { text } = await write([{ kind: 'free', until: ['</think>'], budget: 0, close: '</think>' }], [])
  assert.is(text, '</think>')
})

test('a phase with an opening is skipped if the text does not begin with it', async () => {
  const phases: GuidePhase[] = [
    { kind: 'free', open: '<think>', until: ['</think>'] },
    { kind: 'grammar', grammar: A_OR_B },
  ]
  const skipped = await write(phases, ['a'])
  assert.is(skipped.text, 'a')
  assert.equal(skipped.choices[0], ['<think>', ' ', '\n', 'a', 'b'])
  const opened = await write(phases, ['\n', '<think>', 'x', '</think>', 'b'])
  assert.is(opened.text, '\n<think>x</think>b')
  assert.equal(opened.choices[1], ['<think>', ' ', '\n'])
  assert.not.ok(opened.choices[2].includes('<eos>'))
})

test('forced texts have the tokens of the tokenizer, special ones too', async () => {
  const { tokens } = await write([{ kind: 'forced', text: 'a<|call|>b' }], [])
  assert.equal(
    tokens.map((id) => TOKENS[id]),
    ['a', '<|call|>', 'b'],
  )
})

test('a grammar with more to come ends with the model, or with the next phase', async () => {
  const word = { kind: 'regex', pattern: 'a+' } as const
  const last = await write([{ kind: 'grammar', grammar: word }], ['a', '<eos>'])
  assert.equal(last.choices, [
    ['<eos>', 'a'],
    ['<eos>', 'a'],
  ])
  assert.is(last.text, 'aa')
  assert.is(last.forced, 1)
  const followed = await write(
    [
      { kind: 'grammar', grammar: word },
      { kind: 'forced', text: 'xy' },
    ],
    ['a', 'x'],
  )
  assert.is(followed.text, 'aaxy')
})

test('calls follow their triggers, and free text follows them', async () => {
  const phases: GuidePhase[] = [{ kind: 'calls', triggers: [CALL] }]
  const { text, end } = await write(phases, ['x', '{', 'y', '{', '<eos>'])
  assert.is(text, 'x{"1"}y{"1"}')
  assert.is(end, 'eos')
  const once = await write([{ ...phases[0], once: true } as GuidePhase], ['x', '{'])
  assert.is(once.text, 'x{"1"}')
  assert.is(once.end, 'done')
})

test('a text names special tokens; other grammars cannot use them', async () => {
  const named = await write([{ kind: 'grammar', grammar: { kind: 'text', text: 'a<|call|>b' } }], [])
  assert.equal(
    named.tokens.map((id) => TOKENS[id]),
    ['a', '<|call|>', 'b'],
  )
  const written = await write(
    [{ kind: 'grammar', grammar: { kind: 'ebnf', text: 'root ::= "x" "<|call|>"' } }],
    ['call'],
  )
  assert.equal(
    written.tokens.map((id) => TOKENS[id]),
    ['x', '<|', 'call', '|>'],
  )
  const any = await write([{ kind: 'grammar', grammar: { kind: 'regex', pattern: '[\\s\\S]' } }], ['x'])
  assert.not.ok(any.choices[0].includes('<|call|>'))
})

test('the last plane of Unicode is text as any other, never a special token', async () => {
  const [first, last] = ['\u{100000}', '\u{10ffff}']
  const tokenizer = tokenizerOf(['<eos>', '<|call|>', ...'ab"k{}: 1', '\u{100001}', first, last], ['<eos>', '<|call|>'])
  const guides = new GuideClient(tokenizer, tokenizer.vocabSize)
  const key = `k${first}`
  for (const [grammar, text] of [
    [{ kind: 'regex', pattern: `a${first}b` }, `a${first}b`],
    [{ kind: 'regex', pattern: '[^a]' }, last],
    [{ kind: 'ebnf', text: 'root ::= "a\\U00100001" [\\U0010FFFF]' }, `a\u{100001}${last}`],
    [{ kind: 'text', text: `a${last}<|call|>` }, `a${last}<|call|>`],
    [{ kind: 'schema', schema: { const: `a${last}` } }, `"a${last}"`],
    [{ kind: 'schema', schema: { pattern: `^a${first}$`, minLength: 2 } }, `"a${first}"`],
    [{ kind: 'schema', schema: { enum: [last] } }, `"${last}"`],
    [
      {
        kind: 'schema',
        schema: { type: 'object', properties: { [key]: { const: 1 } }, required: [key], additionalProperties: false },
      },
      `{"${key}":1}`,
    ],
  ] as [Grammar, string][]) {
    const choose = (mask: Int32Array | undefined) => (mask && allowedBy(mask, tokenizer.vocabSize).at(-1)) ?? 0
    const written = await guidedText(guides, { phases: [{ kind: 'grammar', grammar }] }, { tokenizer, choose })
    assert.equal([written.text, written.end], [text, 'done'], JSON.stringify(grammar))
  }
  await guides.close()
})

test('grammars are put together: one after the other, one of several, several with separators', async () => {
  const grammar = {
    kind: 'sequence',
    parts: [
      { kind: 'choice', options: [AB, { kind: 'text', text: 'c' }] },
      { kind: 'repeat', part: A_OR_B, separator: ' ', atLeast: 2, atMost: 3 },
    ],
  } as const
  const { text, choices } = await write([{ kind: 'grammar', grammar }], ['c', 'a', 'b', ' ', 'a'])
  assert.is(text, 'ca b a')
  assert.equal(choices[3], ['<eos>', ' '])
})

test('a grammar with a mistake is refused in words', async () => {
  for (const [text, message] of [
    ['root ::= root "a" | "a"', /^grammar: the rule `root` begins with itself/],
    ['root ::= "a" x', /^grammar: the grammar has no rule `x`/],
    ['rot ::= "a"', /^grammar: the grammar has no rule `root`/],
    ['root ::= "a', /^grammar: a text or class without its closing `"`, in line 1/],
    ['root ::= "a"\nroot ::= "b"', /^grammar: the rule `root` is defined twice, in line 2/],
    ['root ::= <[12]>', /^grammar: tokens, such as `<think>`/],
  ] as const) {
    const opening = guides.open({ phases: [{ kind: 'grammar', grammar: { kind: 'ebnf', text } }] }, { eos: [] })
    await rejectsWithUserError(() => opening, message)
  }
})

test.run()
