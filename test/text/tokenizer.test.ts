import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tokenizer } from '#molm/api/text.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { Utf8Stream } from '#molm/text/utf8-stream.js'
import { LoopCounter } from '../support/event-loop.js'
import { thrownBy } from '../support/rejects.js'
import { inFolderOf, NANO, readJson, TOKENIZER_FIXTURES, vocabularyForm } from './folders.js'

const ASSORTED = [
  'What is a lantern?',
  '  leading, trailing  ',
  'runs:  2   3    4     5\t1\t\t2\n1\n\n2\r\n3 \t mixed \n ',
  'digits 0 12 345 6789 3.14159 1e-10 ½ ² Ⅷ ٣٤ 四',
  'Straße, naïve café, ΔΙΌΝΥΣΟΣ, Привет, שלום, مرحبا, हिन्दी, 日本語テキスト, 한국어',
  'emoji 😀👨‍👩‍👧🇨🇭👍🏽 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢',
  'e\u0301 versus \u00e9; zero\u200bwidth; nb\u00a0space; \ufeffbyte-order mark; \u0000NUL\u0007BEL',
  "it's I'LL we'd they've can't 'quoted' \"double\" (brackets) [x] {y} <z>",
  'a.b,c;d:e!f?g-h_i/j\\k|l@m#n$o%p^q&r*s+t=u~v`w',
  '\ufeffbegins with a byte-order mark',
  'x'.repeat(500),
  'function f() {\n    return `a\\n`\n}\n',
]

async function load(dir: string): Promise<Tokenizer> {
  const tokenizer = await loadTokenizer(dir)
  if (!tokenizer) return assert.unreachable(`no tokenizer in ${dir}`) as never
  return tokenizer
}

/** Text from the tokens' bytes, one token at a time. */
function stream(tokenizer: Tokenizer, ids: number[]): string {
  const utf8 = new Utf8Stream()
  return ids.map((id) => utf8.push(tokenizer.bytesOf(id))).join('') + utf8.flush()
}

for (const dir of TOKENIZER_FIXTURES) {
  for (const form of ['tokenizer.json', 'vocab.json and merges.txt']) {
    test(`encodes and decodes the reference texts from ${form} of ${dir.split('/').at(-1)}`, async () => {
      const check = async (folder: string) => {
        const tokenizer = await load(folder)
        const { cases } = await readJson(dir, 'tokenizer_expected.json')
        assert.is(cases.length, 22)
        for (const { text, ids } of cases) {
          assert.equal(tokenizer.encode(text), ids, JSON.stringify(text))
          assert.is(tokenizer.decode(ids), text)
          assert.is(stream(tokenizer, ids), text)
        }
        assert.is(tokenizer.vocabSize, 320)
      }
      if (form === 'tokenizer.json') await check(dir)
      else await inFolderOf(await vocabularyForm(dir), check)
    })
  }
}

test("gives back texts of every kind exactly, by nano's tokenizer in both forms", async () => {
  const whole = await load(NANO)
  await inFolderOf(await vocabularyForm(NANO), async (dir) => {
    const parts = await load(dir)
    for (const text of ASSORTED) {
      const ids = whole.encode(text)
      assert.equal(parts.encode(text), ids)
      assert.is(whole.decode(ids), text)
      assert.is(parts.decode(ids), text)
      assert.is(stream(whole, ids), text)
    }
  })
})

test('a character split over tokens decodes to U+FFFD for each half, and to itself for both', async () => {
  const tokenizer = await load(TOKENIZER_FIXTURES[0])
  const ids = tokenizer.encode('日')
  assert.is(ids.length, 3)
  assert.is(tokenizer.decode(ids), '日')
  assert.is(tokenizer.decode(ids.slice(0, 2)), '\ufffd')
  assert.equal(
    ids.flatMap((id) => [...tokenizer.bytesOf(id)]),
    [...new TextEncoder().encode('日')],
  )
})

test('all 256 bytes have a token, which decodes to that byte', async () => {
  const tokenizer = await load(NANO)
  const bytes = new Set<number>()
  for (let id = 0; id < 256; id++) {
    assert.is(tokenizer.bytesOf(id).length, 1)
    bytes.add(tokenizer.bytesOf(id)[0])
  }
  assert.is(bytes.size, 256)
})

test('special tokens are found in texts, and left out of them when asked', async () => {
  const tokenizer = await load(NANO)
  assert.equal([...tokenizer.specialIds], [4095])
  const ids = tokenizer.encode('one<|endoftext|>two')
  assert.ok(ids.includes(4095))
  assert.is(tokenizer.decode(ids), 'one<|endoftext|>two')
  assert.is(tokenizer.decode(ids, { skipSpecial: true }), 'onetwo')
  assert.is(new TextDecoder().decode(tokenizer.bytesOf(4095)), '<|endoftext|>')
  assert.is(tokenizer.bytesOf(4095, { skipSpecial: true }).length, 0)
})

test("CodeGen's runs of spaces and tabs are tokens of their own, and not special", async () => {
  const spaces = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [' '.repeat(31 - i), 4096 + i]))
  const tabs = Object.fromEntries(Array.from({ length: 8 }, (_, i) => ['\t'.repeat(9 - i), 4126 + i]))
  const form = await vocabularyForm(NANO)
  const added = { ...(form['added_tokens.json'] as object), ...spaces, ...tabs }
  const json = await readJson(NANO, 'tokenizer.json')
  for (const [content, id] of Object.entries({ ...spaces, ...tabs })) {
    json.added_tokens.push({ id, content, special: false, normalized: true, lstrip: false, rstrip: false })
  }
  const config = form['tokenizer_config.json']
  const forms = [
    { ...form, 'added_tokens.json': added },
    { 'tokenizer.json': json, 'tokenizer_config.json': config },
  ]
  for (const files of forms) {
    await inFolderOf(files, async (dir) => {
      const tokenizer = await load(dir)
      assert.is(tokenizer.vocabSize, 4134)
      assert.equal([...tokenizer.specialIds], [4095])
      for (const [run, id] of Object.entries({ ...spaces, ...tabs })) {
        assert.equal(tokenizer.encode(run), [id])
        assert.is(tokenizer.decode([id], { skipSpecial: true }), run)
        assert.is(tokenizer.idOf(run), id)
      }
      assert.equal(tokenizer.encode(' '.repeat(35)), [4096, tokenizer.idOf('    ')])
      for (const text of ASSORTED) assert.is(tokenizer.decode(tokenizer.encode(text)), text)
    })
  }
})

test('gives tokens as the vocabulary writes them, and their ids', async () => {
  const tokenizer = await load(NANO)
  assert.is(tokenizer.vocabSize, 4096)
  for (const id of [0, 300, 4095]) assert.is(tokenizer.idOf(tokenizer.token(id)), id)
  assert.is(tokenizer.token(tokenizer.encode(' the')[0]), 'Ġthe')
  assert.is(tokenizer.idOf('no such token'), undefined)
})

test('ids without a token give no text', async () => {
  const tokenizer = await load(NANO)
  assert.is(tokenizer.token(99_999), '')
  assert.is(tokenizer.bytesOf(99_999).length, 0)
  assert.is(tokenizer.decode([99_999, ...tokenizer.encode('x'), -1]), 'x')
  assert.is(tokenizer.decode([]), '')
})

test('decoding takes any iterable of ids', async () => {
  const tokenizer = await load(NANO)
  const ids = tokenizer.encode('any order of things')
  assert.is(tokenizer.decode(Uint32Array.from(ids)), 'any order of things')
  assert.is(tokenizer.decode(new Set(ids).values()), tokenizer.decode([...new Set(ids)]))
})

test('texts come back exactly, also if tokenizer_config.json asks to clean up blanks', async () => {
  const text = "Well , I do n't know . It 's so ' quoted ' here"
  const files = { 'tokenizer.json': await readJson(NANO, 'tokenizer.json') }
  await inFolderOf({ ...files, 'tokenizer_config.json': { clean_up_tokenization_spaces: true } }, async (dir) => {
    const tokenizer = await load(dir)
    assert.is(tokenizer.decode(tokenizer.encode(text)), text)
  })
})

test('long texts are encoded in turns with what else there is to do, until they are no longer wanted', async () => {
  const tokenizer = await load(NANO)
  for (const part of [' ', 'ab', 'The quick brown fox. ', '日本']) {
    const text = part.repeat(200_000 / part.length)
    const loop = new LoopCounter()
    const ids = await tokenizer.encodeAsync(text)
    loop.stop()
    assert.ok(loop.turns > 1, part)
    assert.equal(ids, tokenizer.encode(text))
    assert.is(tokenizer.decode(ids), text)
  }
  const aborting = new AbortController()
  setTimeout(() => aborting.abort(new Error('no more')), 1)
  const { signal } = aborting
  const error = await thrownBy(tokenizer.encodeAsync('ab'.repeat(300_000), { signal }))
  assert.is(error, signal.reason)
})

test('a prefix space is put before the text if tokenizer_config.json asks for it', async () => {
  const form = await vocabularyForm(NANO)
  await inFolderOf({ ...form, 'tokenizer_config.json': { add_prefix_space: true } }, async (dir) => {
    const tokenizer = await load(dir)
    assert.is(tokenizer.decode(tokenizer.encode('the')), ' the')
  })
})

test('special tokens named in special_tokens_map.json alone are special', async () => {
  const { 'vocab.json': vocab, 'merges.txt': merges } = await vocabularyForm(NANO)
  const map = { eos_token: { content: '<|endoftext|>', lstrip: false }, pad_token: '<pad>' }
  await inFolderOf({ 'vocab.json': vocab, 'merges.txt': merges, 'special_tokens_map.json': map }, async (dir) => {
    const tokenizer = await load(dir)
    assert.equal([...tokenizer.specialIds], [4095])
    assert.equal(tokenizer.encode('<|endoftext|>'), [4095])
    assert.is(tokenizer.vocabSize, 4096)
  })
})

test('special tokens without a role are special', async () => {
  const form = await vocabularyForm(NANO)
  const files = {
    ...form,
    'added_tokens.json': { '<|note|>': 4096, '<|plain|>': 4097 },
    'special_tokens_map.json': { additional_special_tokens: ['<|note|>'] },
  }
  await inFolderOf(files, async (dir) => {
    const tokenizer = await load(dir)
    assert.equal([...tokenizer.specialIds], [4095, 4096])
    assert.is(tokenizer.decode([4096, 4097], { skipSpecial: true }), '<|plain|>')
  })
})

test('added tokens are written as they are, also in letters of the byte alphabet', async () => {
  const form = await vocabularyForm(NANO)
  await inFolderOf({ ...form, 'added_tokens.json': { caféĠ: 4096 } }, async (dir) => {
    const tokenizer = await load(dir)
    assert.is(tokenizer.encode('a caféĠ').at(-1), 4096)
    assert.is(tokenizer.decode([4096]), 'caféĠ')
  })
})

test('merges.txt with the line ends of Windows is the same', async () => {
  const form = await vocabularyForm(NANO)
  const merges = (form['merges.txt'] as string).replaceAll('\n', '\r\n')
  const whole = await load(NANO)
  await inFolderOf({ ...form, 'merges.txt': merges }, async (dir) => {
    assert.equal((await load(dir)).encode(ASSORTED[0]), whole.encode(ASSORTED[0]))
  })
})

test('a folder without tokenizer files has no tokenizer', async () => {
  await inFolderOf({ 'config.json': {}, 'tokenizer_config.json': {} }, async (dir) => {
    assert.is(await loadTokenizer(dir), undefined)
  })
})

test('tokenizer.json as old libraries wrote it, without a type of model, is read', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  delete json.model.type
  const whole = await load(NANO)
  await inFolderOf({ 'tokenizer.json': json }, async (dir) => {
    assert.equal((await load(dir)).encode(ASSORTED[0]), whole.encode(ASSORTED[0]))
  })
})

test('the shipped files say the same in both forms', async () => {
  const merges = (await readFile(join(NANO, 'merges.txt'), 'utf8')).trimEnd().split('\n').slice(1)
  assert.equal((await readJson(NANO, 'tokenizer.json')).model.merges, merges)
})

test.run()
