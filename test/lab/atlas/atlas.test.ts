import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import { checkAtlas } from '#molm/insight/atlas/load-atlas.js'
import { classOf, wordLabel } from '#molm/lab/atlas/atlas-words.js'
import { atlasJson, atlasOf } from '#molm/lab/atlas/make-atlas.js'
import { makeAtlas } from '#molm/lab/index.js'
import { withModel } from '../../support/models.js'
import { PLANTED, PLANTED_KINDS, plantedHalves } from '../../support/planted-halves.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'

const namesOf = ({ entries }: Atlas) => (entries.mlp?.[0] ?? []).map(({ name }) => name)

test('experts are named by their class of tokens or kind of text, and those without preferences have no name', () => {
  const atlas = atlasOf(PLANTED, PLANTED_KINDS, plantedHalves(8000))
  const names = namesOf(atlas)
  assert.match(names[0] ?? '', /^digits: \d \d \d$/)
  assert.match(names[1] ?? '', /^function words: [a-z]+ [a-z]+ [a-z]+$/)
  assert.match(names[2] ?? '', /^code: "[a-z]+" "[a-z]+" "[a-z]+"$/)
  assert.match(names[3] ?? '', /^prose: /)
  assert.equal(names.slice(4), Array(6).fill(undefined))
  const [digits] = atlas.entries.mlp?.[0] ?? []
  assert.equal(digits.tokens.length, 5)
  assert.ok(digits.tokens.every(({ text, lift }) => /^\d$/.test(text) && Math.abs(lift - 2.6) < 0.3))
  assert.ok(Math.abs(digits.share - 10 / 26) < 0.03)
  assert.equal(atlas.entries.mlp?.[0][2].texts, [{ text: 'code', lift: 2 }])
})

test('a name that the second half does not confirm is counted and left out, whichever half is first', () => {
  const { first, second, usages } = plantedHalves(8000)
  const forth = atlasOf(PLANTED, PLANTED_KINDS, { first, second, usages })
  const back = atlasOf(PLANTED, PLANTED_KINDS, { first: second, second: first, usages })
  assert.equal([forth.named, forth.confirmed], [5, 4])
  assert.equal([back.named, back.confirmed], [5, 4])
  const heads = (atlas: Atlas) => namesOf(atlas).map((name) => name?.replace(/:.*/, ''))
  assert.equal(heads(forth), heads(back))
})

test('experts that choose at random get no names', () => {
  const atlas = atlasOf(PLANTED, PLANTED_KINDS, plantedHalves(8000, true))
  assert.equal([atlas.named, atlas.confirmed], [0, 0])
  assert.equal(namesOf(atlas), Array(10).fill(undefined))
})

test('an expert of every token has that as its name', () => {
  const always = { ...PLANTED.config.mixtures[0], routing: { always: [{ ids: [4], isApart: true }] } }
  const atlas = atlasOf({ ...PLANTED, config: { mixtures: [always] } }, PLANTED_KINDS, plantedHalves(800))
  assert.is(namesOf(atlas)[4], 'every token')
})

test('an atlas is written with a line for each expert, and reads back the same', () => {
  const atlas = atlasOf(PLANTED, PLANTED_KINDS, plantedHalves(8000))
  const text = atlasJson(atlas)
  assert.equal(JSON.parse(text), JSON.parse(JSON.stringify(atlas)))
  assert.equal(checkAtlas('x', JSON.parse(text), { name: 'small', config: PLANTED.config }), JSON.parse(text))
  assert.is(text.split('\n').filter((line) => line.includes('"share":') && line.includes('"tokens":')).length, 10)
})

test('an atlas with long names of texts and long tokens reads back', () => {
  const reader = { ...PLANTED, textOf: (token: number) => PLANTED.textOf(token).padEnd(128, '-') }
  const kinds = PLANTED_KINDS.map((kind) => ({ ...kind, name: kind.name.padEnd(70, 'x') }))
  const atlas = atlasOf(reader, kinds, plantedHalves(8000))
  assert.ok(namesOf(atlas).some((name) => (name ?? '').length > 70))
  const read = checkAtlas('x', JSON.parse(atlasJson(atlas)), { name: 'small', config: PLANTED.config })
  assert.equal(namesOf(read), namesOf(atlas))
})

test('tokens are classed by their text and labelled on one line', () => {
  const classes = ['\n  ', '  ', ' 12', ' +=', ' The', ' the', 'ing', ' lantern', ' 灯', '灯'].map(classOf)
  const expected = ['line breaks', 'blanks', 'digits', 'punctuation', 'capitals', 'function words', 'word parts']
  assert.equal(classes, [...expected, 'words', 'words', 'words'])
  assert.is(wordLabel('\n  '), '⏎··')
  assert.is(wordLabel('internationalisation'), 'internation…')
})

test('makeAtlas reads kinds of text, joins texts of one name, reports progress and can be stopped', async () => {
  await withModel('nano', { threads: 1 }, async (model) => {
    const sums = Array.from({ length: 60 }, (_, i) => `${i} + ${i + 3} = ${2 * i + 3}\n`).join('')
    const prose = 'The old man and the sea are in the house of the king, and he said nothing. '.repeat(20)
    const half = sums.length / 2
    const texts = [
      { name: 'sums', text: sums.slice(0, half) },
      { name: 'sums', text: sums.slice(half) },
      { name: 'prose', text: prose },
    ]
    const progress: number[] = []
    const atlas = await makeAtlas(model, texts, { onPromptProgress: ({ processed }) => progress.push(processed) })
    assert.equal(
      atlas.texts.map(({ name }) => name),
      ['sums', 'prose'],
    )
    assert.is(progress.at(-1), atlas.texts[0].tokens + atlas.texts[1].tokens)
    assert.ok(atlas.confirmed > 20 && atlas.confirmed <= atlas.named, `${atlas.confirmed} of ${atlas.named}`)
    assert.equal(await makeAtlas(model, texts), atlas)
    await rejectsWithUserError(
      () => makeAtlas(model, [{ name: 'a note', text: 'The lantern is lit.' }]),
      /^a note: has \d tokens, too few; give at least 256/,
    )
    const stop = new AbortController()
    const stopped = thrownBy(
      makeAtlas(model, texts, { signal: stop.signal, onPromptProgress: () => stop.abort(new Error('enough')) }),
    )
    assert.match(String(await stopped), /enough/)
  })
})

test.run()
