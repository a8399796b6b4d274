import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage } from '#molm/api/text.js'
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
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
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
async function withTokens(json: { added_tokens: AddedToken[] }, contents: readonly string[], normalizer?: object) {
  const has = (content: string) => json.added_tokens.some((token) => token.content === content)
  const added = contents.filter((content) => !has(content)).map((content, i) => special(content, 90_000 + i))
  const definition = { ...json, ...(normalizer && { normalizer }), added_tokens: [...json.added_tokens, ...added] }
  const tokenizer = await inFolderOf({ 'tokenizer.json': definition }, loadTokenizer)
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
    const plain = ['', 'a < b', '> quoted', 'x\n', '\ufdd0', '<\ufdd0', 'a\u0301|>']
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
