import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tokenizer } from '#molm/api/text.js'
import { crc32 } from '#molm/ground/platform/checksums.js'
import { compileTokenizer, readCompiledTokenizer } from '#molm/text/tokenizer/compile-tokenizer.js'
import { MergeTable } from '#molm/text/tokenizer/definition/merge-table.js'
import { COMPILED_TOKENIZER } from '#molm/text/tokenizer/definition/tokenizer-definition.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { hardTexts } from '../support/hard-texts.js'
import { inFolderOf, NANO, readJson } from './folders.js'
import { firstTokens, published } from './rust-tokenizers.js'

/* tokenizer.molm gives the same tokens as the tokenizer.json that it was made from, or is not used. */
const test = suite('the compiled tokenizer')

const TEXTS = hardTexts(150)

const nano = await readJson(NANO, 'tokenizer.json')
const llama = firstTokens(await published('llama2'))

async function load(dir: string): Promise<Tokenizer> {
  const tokenizer = await loadTokenizer(dir)
  if (!tokenizer) return assert.unreachable(`no tokenizer in ${dir}`) as never
  return tokenizer
}

/** Runs `use` in a folder with a tokenizer.json and the tokenizer.molm that is made from it. */
function compiled(json: object, use: (dir: string, bytes: Uint8Array) => Promise<void>, others = {}): Promise<void> {
  return inFolderOf({ 'tokenizer.json': json, ...others }, async (dir) => {
    const pieces = await compileTokenizer(dir)
    assert.ok(pieces)
    await writeFile(join(dir, COMPILED_TOKENIZER), pieces)
    await use(dir, await readFile(join(dir, COMPILED_TOKENIZER)))
  })
}

const isUsed = async (dir: string) => (await readCompiledTokenizer(dir)) !== undefined

const added = { id: 4100, content: '<|note|>', special: true, lstrip: true }
const CASES: [string, object, object][] = [
  ["nano's", nano, {}],
  ['the tokenizer of Llama 2, with bytes for unknown characters', llama, {}],
  ['one that takes whole words first', { ...nano, model: { ...nano.model, ignore_merges: true } }, {}],
  [
    'one with tokens and roles of other files',
    { ...nano, added_tokens: [...nano.added_tokens, added] },
    {
      'added_tokens.json': { '<a>': 4096 },
      'tokenizer_config.json': { eos_token: 'Ġthe', added_tokens_decoder: { 4098: { content: '<b>' } } },
      'special_tokens_map.json': { pad_token: '<|endoftext|>' },
    },
  ],
]

for (const [name, json, others] of CASES) {
  test(`encodes and decodes as its original: ${name}`, async () => {
    const texts = [...TEXTS, 'one<|note|> two<a><b> the <|endoftext|>']
    await compiled(
      json,
      async (dir) => {
        assert.ok(await isUsed(dir))
        const quick = await load(dir)
        await writeFile(join(dir, COMPILED_TOKENIZER), '')
        assert.not(await isUsed(dir))
        const original = await load(dir)
        assert.is(quick.vocabSize, original.vocabSize)
        assert.equal(quick.specialIds, original.specialIds)
        for (const text of texts) {
          const ids = original.encode(text)
          assert.equal(quick.encode(text), ids, JSON.stringify(text))
          assert.equal(await quick.encodeUpTo(text, ids.length), ids)
          assert.is(await quick.encodeUpTo(text, ids.length - 1), undefined)
          assert.is(quick.decode(ids), original.decode(ids))
        }
        for (let id = -1; id < original.vocabSize + 2; id++) {
          const token = original.token(id)
          assert.is(quick.token(id), token)
          assert.is(quick.idOf(token), original.idOf(token))
          assert.equal(quick.bytesOf(id), original.bytesOf(id))
        }
        assert.is(quick.idOf('no such token'), undefined)
      },
      others,
    )
  })
}

test('is not used once tokenizer.json has changed, but in a copied folder', async () => {
  await compiled(nano, async (dir) => {
    const path = join(dir, 'tokenizer.json')
    const text = await readFile(path, 'utf8')
    await utimes(path, 5, 5)
    assert.ok(await isUsed(dir))
    await writeFile(path, `${text} `)
    assert.not(await isUsed(dir))
    await writeFile(path, text.replace('"Ġthe"', '"Ġteh"'))
    await utimes(path, 5, 5)
    assert.not(await isUsed(dir))
    await writeFile(path, text)
    assert.ok(await isUsed(dir))
  })
})

test('is not used without tokenizer.json', async () => {
  await compiled(nano, async (_, bytes) => {
    await inFolderOf({}, async (dir) => {
      await writeFile(join(dir, COMPILED_TOKENIZER), bytes)
      assert.is(await loadTokenizer(dir), undefined)
    })
  })
})

test('is not used if it is damaged: the original is read', async () => {
  await compiled(nano, async (dir, bytes) => {
    const path = join(dir, COMPILED_TOKENIZER)
    const ids = (await load(dir)).encode('What is a lantern?')
    const places = [0, 7, 9, 12, 13, 15, 16, 400, bytes.length >> 1, bytes.length - 1]
    for (const place of places) {
      const damaged = Uint8Array.from(bytes)
      damaged[place] ^= 0x10
      await writeFile(path, damaged)
      assert.not(await isUsed(dir), `byte ${place}`)
      await writeFile(path, bytes.subarray(0, place))
      assert.not(await isUsed(dir), `length ${place}`)
      assert.equal((await load(dir)).encode('What is a lantern?'), ids)
    }
  })
})

test('a header with wrong counts is refused before its arrays are made', async () => {
  await compiled(nano, async (dir, bytes) => {
    const end = 16 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true)
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, end)))
    const write = async (changed: object, rest = bytes.subarray(end)) => {
      await writeFile(join(dir, COMPILED_TOKENIZER), sealed({ ...header, ...changed }, rest))
    }
    await write({})
    assert.ok(await isUsed(dir))
    for (const count of ['size', 'tokens', 'merges', 'text']) {
      for (const value of [-1, 0.5, 2 ** 40, header.counts[count] + 1, 'x', null]) {
        await write({ counts: { ...header.counts, [count]: value } })
        assert.not(await isUsed(dir), `${count} ${value}`)
      }
    }
    for (const changed of [{ json: [] }, { json: {} }, { source: null }, { counts: 5 }, { longest: -1 }]) {
      await write(changed)
      assert.not(await isUsed(dir), JSON.stringify(changed))
    }
    // Each word of the arrays is a place or an id; none may lead outside.
    for (let at = 0; at < bytes.length - end - header.counts.text; at += 4096) {
      const rest = Uint8Array.from(bytes.subarray(end))
      new DataView(rest.buffer).setInt32(at, -7, true)
      await write({}, rest)
      assert.not(await isUsed(dir), `array byte ${at}`)
    }
    // A part that molm does not know: the original is read.
    await write({ json: { ...header.json, normalizer: { type: 'Precompiled' } } })
    assert.is((await load(dir)).vocabSize, 4096)
  })
})

test('tokenizers that need their original are not compiled', async () => {
  const pattern = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false }
  const slow = { ...nano, pre_tokenizer: { type: 'Sequence', pretokenizers: [pattern, { type: 'ByteLevel' }] } }
  const withToken = (token: string) => ({
    ...nano,
    model: { ...nano.model, vocab: { ...nano.model.vocab, [token]: 4100 } },
  })
  for (const json of [slow, withToken(''), withToken('\ud800')]) {
    await inFolderOf({ 'tokenizer.json': json }, async (dir) => {
      assert.is(await compileTokenizer(dir), undefined)
      assert.ok((await load(dir)).encode('What is a lantern?').length > 0)
    })
  }
  await inFolderOf({}, async (dir) => assert.is(await compileTokenizer(dir), undefined))
})

test('the last of several merges of a pair counts', () => {
  const [lefts, rights, merged] = [
    [0, 1, 0, 2, 0],
    [1, 2, 1, 0, 0],
    [3, 4, 5, 6, 7],
  ].map((ids) => Int32Array.from(ids))
  const table = MergeTable.of(lefts, rights, merged, 8)
  assert.is(table.rankOf(0, 1), 2)
  assert.is(table.mergedBy(2), 5)
  assert.is(table.rankOf(1, 2), 1)
  assert.is(table.rankOf(2, 0), 3)
  assert.is(table.rankOf(0, 0), 4)
  for (const [left, right] of [
    [0, 2],
    [1, 1],
    [7, 7],
    [2, 7],
  ])
    assert.is(table.rankOf(left, right), -1)
})

/** A file with this header and the right checksum. */
function sealed(header: object, rest: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header))
  const padded = new Uint8Array((text.length + 3) & ~3).fill(0x20)
  padded.set(text)
  const bytes = new Uint8Array(16 + padded.length + rest.length)
  bytes.set(new TextEncoder().encode('molmtok1'))
  bytes.set(padded, 16)
  bytes.set(rest, 16 + padded.length)
  const fields = new DataView(bytes.buffer)
  fields.setUint32(12, padded.length, true)
  fields.setUint32(8, crc32(bytes.subarray(12)), true)
  return bytes
}

test.run()
