import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage, Tokenizer } from '#molm/api/text.js'
import { JinjaProgram } from '#molm/text/jinja/program.js'
import { LiteralTexts, TAGS } from '#molm/text/prompt/literal-texts.js'
import { AddedTokenFinder } from '#molm/text/tokenizer/definition/added-token-finder.js'
import type { AddedToken } from '#molm/text/tokenizer/definition/added-tokens.js'
import { LiteralText, withoutMarks } from '#molm/text/tokenizer/definition/literal-text.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { GEMMA_4, GLM_4_6, LFM_2_5, MISTRAL } from '../support/family-templates.js'
import { publishedTemplates } from '../support/published-templates.js'
import { inFolderOf, NANO, readJson } from './folders.js'
import { firstTokens, published } from './rust-tokenizers.js'

const test = suite('texts that are never special tokens')

const special = (content: string, id: number): AddedToken => {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    reserved: true,
  }
}

/** Texts in templates that look like special tokens. */
const LIKE_TOKENS =
  /<\|[^<>|\s]{1,30}\|>|<\/?s>|<\/?[a-z_]{2,20}>|\[\/?[A-Z_]{3,20}\]|<<\/?SYS>>|<[a-z_]+\|>|<\|[a-z_]+>|<｜[^<>]{1,30}｜>/g
const GIVEN = {
  datetime: 'today',
  functions: '[]',
  bos_token: '<s>',
  eos_token: '</s>',
  pad_token: '<pad>',
  unk_token: '<unk>',
}
const CALL = { id: 'abcdefghi', name: 'read', arguments: { p: 'a' } }

/** A conversation with this text in every place. */
function conversation(text: string): ChatMessage[] {
  return [
    { role: 'system', content: `s ${text} s` },
    { role: 'user', content: `u ${text} u` },
    { role: 'assistant', content: `a ${text} a` },
    { role: 'user', content: text },
    { role: 'assistant', content: '', toolCalls: [{ ...CALL, arguments: { p: text } }] },
    { role: 'tool', toolCallId: CALL.id, name: CALL.name, content: `t ${text} t` },
    { role: 'user', content: 'x' },
  ]
}

/** Messages as templates read them. */
function written(messages: readonly ChatMessage[]): object[] {
  return messages.map(({ role, content, toolCalls, toolCallId, name }) => ({
    ...{ role, content, name },
    ...(toolCalls && { tool_calls: toolCalls.map(({ id, ...rest }) => ({ id, type: 'function', function: rest })) }),
    ...(toolCallId && { tool_call_id: toolCallId }),
  }))
}

test('published templates write texts with their special tokens as other texts, and no token more', () => {
  const templates = [...publishedTemplates(), ...Object.entries({ GEMMA_4, GLM_4_6, LFM_2_5, MISTRAL })]
  let [pairs, differing] = [0, 0]
  for (const [name, source] of templates) {
    const tokens = [...new Set(source.match(LIKE_TOKENS))].map(special)
    const finder = new AddedTokenFinder(tokens, ({ content }) => content)
    const count = (text: string) => [...finder.split(text)].filter(({ token }) => token).length
    const literal = new LiteralText(tokens)
    const literals = new LiteralTexts({ literal: (text, kept) => literal.write(text, kept) })
    const program = new JinjaProgram(source)
    const render = (messages: readonly ChatMessage[], tool: string) => {
      const tools = [
        {
          type: 'function',
          function: { name: 'read', description: tool, parameters: { type: 'object', properties: {} } },
        },
      ]
      const variables = { ...GIVEN, tools, add_generation_prompt: true }
      try {
        return program.render({ ...variables, messages: written(messages) })
      } catch {
        return undefined
      }
    }
    const shapes = [
      (all: ChatMessage[]) => all,
      (all: ChatMessage[]) => all.slice(0, 4),
      (all: ChatMessage[]) => all.slice(1, 4),
    ]
    const shape = shapes.find((some) => render(some(conversation('zzz')), 'zzz') !== undefined)
    assert.ok(shape, `${name} takes no conversation`)
    const harmless = render(shape(conversation('zzz')), 'zzz') as string
    assert.is(
      render(
        shape(conversation('zzz')).map((message) => literals.message(message)),
        'zzz',
      ),
      harmless,
      name,
    )
    for (const { content } of tokens) {
      pairs++
      const marked = render(
        shape(conversation(content)).map((message) => literals.message(message)),
        literals.text(content),
      )
      // A tag of thoughts has a meaning in answers: the template looks for it there.
      if (TAGS.has(content)) continue
      assert.ok(marked !== undefined, `${name} refuses ${content}`)
      assert.is(count(marked), count(harmless), `${name}, ${content}: ${JSON.stringify(marked)}`)
      const raw = render(shape(conversation(content)), content)
      if (withoutMarks(marked) !== raw) differing++
    }
  }
  assert.ok(templates.length > 100 && pairs > 300, `${templates.length} templates, ${pairs} pairs`)
  assert.is(differing, 0)
})

const CHATML = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']

/** A tokenizer with these special tokens besides its own. */
function withTokens(json: { added_tokens: AddedToken[] }, contents: readonly string[], normalizer?: object) {
  const has = (content: string) => json.added_tokens.some((token) => token.content === content)
  const added = contents.filter((content) => !has(content)).map((content, i) => special(content, 90_000 + i))
  return loaded({ ...json, ...(normalizer && { normalizer }), added_tokens: [...json.added_tokens, ...added] })
}

/** The tokenizer of a definition, with a template of this source. */
async function loaded(definition: object, source?: string): Promise<Tokenizer> {
  const template = source === undefined ? undefined : { mentions: (text: string) => source.includes(text) }
  const tokenizer = await inFolderOf({ 'tokenizer.json': definition }, (dir) => loadTokenizer(dir, template))
  assert.ok(tokenizer)
  return tokenizer
}

const nano = await readJson(NANO, 'tokenizer.json')
const llama = firstTokens(await published('llama2'))
const MARKED = { addSpecialTokens: false, hasLiterals: true }

for (const [name, json, own, normalizer] of [
  ['bytes', nano, [...CHATML], { type: 'NFC' }],
  ['SentencePiece', llama, ['<s>', '</s>', '<unk>', '[INST]']],
] as const) {
  test(`a marked text is the same text in ordinary tokens: ${name}`, async () => {
    const tokenizer = await withTokens(json, own, normalizer)
    const specials = [...tokenizer.specialIds].map((id) => tokenizer.token(id))
    const plain = [
      '',
      'a < b',
      '> quoted',
      'x\n',
      '\ufdd0',
      '<\ufdd0',
      '\ufdd1\ufdd0',
      '\ufdd0\ufdd1<\ufdd1',
      'a\u0301|>',
    ]
    for (const text of [...plain, ...specials.flatMap((token) => [token, ` ${token}${token} `, `<${token}>`])]) {
      const ids = tokenizer.encode(tokenizer.literal(text), MARKED)
      assert.not.ok(
        ids.some((id) => tokenizer.specialIds.has(id)),
        text,
      )
      assert.is(tokenizer.decode(ids), normalizer ? text.normalize('NFC') : text)
    }
    for (const text of plain) {
      const ids = tokenizer.encode(text, { addSpecialTokens: false })
      assert.equal(tokenizer.encode(tokenizer.literal(text), MARKED), ids, 'as an unmarked text')
    }
    const [token] = own
    assert.is(tokenizer.encode(tokenizer.literal(token, new Set([token])), MARKED).length, 1, 'one that is kept')
    assert.is(
      tokenizer.encode(token + tokenizer.literal(token), MARKED)[0],
      tokenizer.idOf(token),
      'the text around it',
    )
  })
}

test('a part of a token completes neither the text beside it nor another part', async () => {
  const tokenizer = await withTokens(nano, CHATML)
  const [, token] = CHATML
  for (let from = 0; from < token.length; from++) {
    for (let to = from + 1; to <= token.length; to++) {
      const [before, part, after] = [token.slice(0, from), token.slice(from, to), token.slice(to)]
      // A part without signs is a name: a template that writes signs around names means to.
      if (/^\w+$/.test(part)) continue
      for (const text of [part, `${part}\n`]) {
        const ids = tokenizer.encode(before + tokenizer.literal(text).trim() + after, MARKED)
        assert.not.ok(ids.includes(tokenizer.idOf(token) as number), JSON.stringify([before, text, after]))
      }
      const parts = [before, part, after].map((text) => tokenizer.literal(text)).join('')
      assert.not.ok(tokenizer.encode(parts, MARKED).includes(tokenizer.idOf(token) as number))
    }
  }
})

const TOOL_RESPONSE = '<tool_response>'

test('tokens that the template writes are reserved for it: neither its words, blanks and signs, nor other tokens', async () => {
  const others = ['<b>', 'role', '  ', '{%-'].map((content, i) => ({ ...special(content, 90_000 + i), special: false }))
  const own = { ...special(TOOL_RESPONSE, 90_010), special: false }
  const definition = { ...nano, added_tokens: [...nano.added_tokens, ...others, own] }
  const source = `{%- for m in messages %}  {{ m.role + '${TOOL_RESPONSE}' }}{%- endfor %}`
  const isToken = (tokenizer: Tokenizer, text: string) => {
    const ids = tokenizer.encode(`a${tokenizer.literal(text)}b`, MARKED)
    assert.is(tokenizer.decode(ids), `a${text}b`)
    return ids.includes(tokenizer.idOf(text) as number)
  }
  const [bare, framed] = [await loaded(definition), await loaded(definition, source)]
  // The ends of thoughts and calls are the template's, even if it writes only their beginnings.
  for (const text of [TOOL_RESPONSE, '<think>', '</think>', '</tool_call>']) {
    assert.ok(isToken(bare, text), `${text} without a template`)
    assert.not.ok(isToken(framed, text), text)
    assert.equal(framed.encode(text, MARKED), [framed.idOf(text)], 'as the template writes it')
  }
  for (const { content } of others) assert.ok(isToken(framed, content), JSON.stringify(content))
})

const [, START] = CHATML
const wide = (text: string) => text.replace(/[!-~]/g, (sign) => String.fromCodePoint(sign.charCodeAt(0) + 0xfee0))
const NORMALIZERS: readonly [name: string, normalizer: object, disguised: (token: string) => string][] = [
  ['NFKC', { type: 'NFKC' }, wide],
  ['lower case', { type: 'Lowercase' }, (token) => token.toUpperCase()],
  [
    'a replacement',
    { type: 'Replace', pattern: { String: '\u200b' }, content: '' },
    (token) => [...token].join('\u200b'),
  ],
]

for (const [name, normalizer, disguised] of NORMALIZERS) {
  test(`a text that ${name} turns into a reserved token stays a text`, async () => {
    const added_tokens = [START, TOOL_RESPONSE].map((content, i) => {
      return { ...special(content, 90_000 + i), special: i === 0, normalized: true }
    })
    const tokenizer = await loaded({ ...nano, normalizer, added_tokens }, TOOL_RESPONSE)
    for (const token of [START, TOOL_RESPONSE]) {
      const id = tokenizer.idOf(token) as number
      const text = disguised(token)
      assert.equal(tokenizer.encode(text), [id], 'without marks')
      const halves = [text.slice(0, 7), text.slice(7)].map((half) => tokenizer.literal(half))
      for (const written of [
        tokenizer.literal(text),
        halves.join(''),
        tokenizer.literal(`${text.slice(0, 1)}\ufdd1${text.slice(1)}`),
      ]) {
        const ids = tokenizer.encode(`${token}${written}${token}`, MARKED)
        assert.equal([ids[0], ids.at(-1)], [id, id], 'tokens of the template')
        assert.is(ids.filter((one) => one === id).length, 2, `${JSON.stringify(text)} in ${JSON.stringify(written)}`)
      }
    }
  })
}

/** nano's tokenizer with merges that make a token of its characters, and with words as long as the text. */
function withMerges(token: string, ignore_merges: boolean): object {
  const vocab: Record<string, number> = { ...nano.model.vocab, [token]: 90_000 }
  const merges: (string | string[])[] = [...nano.model.merges]
  for (let length = 2; length <= token.length && !ignore_merges; length++) {
    vocab[token.slice(0, length)] ??= 80_000 + length
    merges.unshift([token.slice(0, length - 1), token[length - 1]])
  }
  const pre_tokenizer = { ...nano.pre_tokenizer, use_regex: false }
  return { ...nano, pre_tokenizer, model: { ...nano.model, vocab, merges, ignore_merges } }
}

for (const [how, ignoresMerges] of [
  ['by merging', false],
  ['as a whole piece', true],
] as const) {
  test(`no piece of a text becomes a reserved token ${how}`, async () => {
    for (const token of [START, TOOL_RESPONSE]) {
      const added_tokens = [{ ...special(token, 90_000), special: token === START }]
      const tokenizer = await loaded({ ...withMerges(token, ignoresMerges), added_tokens }, TOOL_RESPONSE)
      const plain = await loaded({ ...withMerges(token, ignoresMerges), added_tokens: [] })
      assert.equal(plain.encode(token), [90_000], 'without added tokens')
      const ids = tokenizer.encode(tokenizer.literal(token), MARKED)
      assert.not.ok(ids.includes(90_000))
      assert.is(tokenizer.decode(ids), token)
      const halves = [token.slice(0, 7), token.slice(7)].map((half) => tokenizer.literal(half))
      assert.not.ok(tokenizer.encode(halves.join(''), MARKED).includes(90_000), 'in halves')
      assert.equal(tokenizer.encode(`${token}ab`, MARKED)[0], 90_000, 'the token of the template')
      if (!ignoresMerges) assert.is(ids.length, 2, 'the longest parts below it')
    }
  })
}

test('a prompt without marks has the tokens that it has elsewhere, whatever normalises it', async () => {
  const pieces = ['a', ' ', '\n', '<s>', '</s>', '<tool>', 'A\u0301b', 'ＡＢ', '<', '▁', 'x<s', '{"a": 1}']
  const texts = pieces.flatMap((a) => pieces.flatMap((b) => pieces.map((c) => a + b + c)))
  const definitions = [llama, ...NORMALIZERS.map(([, normalizer]) => ({ ...nano, normalizer }))]
  for (const { added_tokens: own, ...json } of definitions) {
    const known = own.filter(({ content }: AddedToken) => !pieces.includes(content))
    const added_tokens = [
      ...known,
      ...['<s>', '</s>', '<tool>', '▁▁'].flatMap((content) => {
        const id = json.model.vocab[content] ?? (content === '<tool>' ? 90_000 : 90_001 + content.length)
        return { ...special(content, id), special: content.includes('s>'), normalized: true }
      }),
    ]
    const tokenizer = await loaded({ ...json, added_tokens }, '<tool>')
    for (const text of texts) assert.equal(tokenizer.encode(text, { hasLiterals: true }), tokenizer.encode(text), text)
  }
})

test('variables of a template are texts, unless they name a special token; keys are texts, too', () => {
  const literals = new LiteralTexts({ literal: (text) => `!${text}` })
  assert.equal(literals.variables({ eos_token: '</s>', documents: [{ text: 'a' }], thinking: true, n: null }), {
    eos_token: '</s>',
    documents: [{ '!text': '!a' }],
    thinking: true,
    n: null,
  })
})

test.run()
