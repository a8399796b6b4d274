import { readFile, stat } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ExpertPlace, loadAtlas, measureUsage, type TextRoutes } from '#molm/index.js'
import { repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'

/** Tokens of a text that a lift is measured on. */
const LEAST = 5

/** Lift of a word for an expert in a text; undefined if either is too rare there. */
function liftIn(text: TextRoutes, words: readonly string[], { kind, layer, expert }: ExpertPlace, word: string) {
  const base = text.usage.of(kind, layer).counts[expert] / words.length
  const places = words.flatMap((other, i) => (other === word ? [i] : []))
  if (base === 0 || places.length < LEAST) return undefined
  const own = places.filter((i) => text.chosen(i, layer, kind)?.ids.includes(expert))
  return own.length / places.length / base
}

test('nano comes with names of its experts, and their tokens hold in texts that the atlas was not made of', async () => {
  assert.ok((await stat(repositoryPath('models/nano/atlas.json'))).size < 75_000)
  await withModel('nano', { threads: 1 }, async (model) => {
    const atlas = await loadAtlas(model)
    assert.ok(atlas && atlas.confirmed >= 0.95 * atlas.named, `${atlas?.confirmed} of ${atlas?.named}`)
    const texts = ['examples/prose.txt', 'examples/code.js', 'SECURITY.md'].map((name) =>
      readFile(repositoryPath(name), 'utf8'),
    )
    const read = await measureUsage(model, (await Promise.all(texts)).map((text) => text.slice(0, 3000)).join('\n'))
    const words = read.tokens.map((token) => model.tokenizer.decode([token]).trim())
    const lifts = read.usage.mixtures.flatMap(({ kind, layers }) =>
      layers.flatMap((_, layer) =>
        (atlas.entries[kind]?.[layer] ?? []).flatMap(({ name, tokens }, expert) =>
          name === undefined ? [] : tokens.map(({ text }) => liftIn(read, words, { kind, layer, expert }, text) ?? []),
        ),
      ),
    )
    const held = lifts.flat().filter((lift) => lift >= 1.5)
    assert.ok(lifts.flat().length > 200, `${lifts.flat().length} tokens were tried`)
    assert.ok(held.length >= 0.75 * lifts.flat().length, `${held.length} of ${lifts.flat().length} held`)
  })
})

test.run()
