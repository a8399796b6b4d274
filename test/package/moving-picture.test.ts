import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Resvg } from '@resvg/resvg-wasm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { renderPng } from '#molm/pictures.js'
import { repositoryPath } from '../support/fixtures.js'

/** Maximum bytes of the picture, which every reader of the README loads. */
const MOST = 300_000

const picture = readFileSync(repositoryPath('docs/images/expert-that-matters.svg'), 'utf8')

test('the README’s first picture is what nano answers', async () => {
  const { movingPicture } = await import(pathToFileURL(repositoryPath('scripts/moving-picture.mjs')).href)
  // `node scripts/draw-pictures.mjs moving` writes it.
  assert.fixture(await movingPicture(), picture)
  assert.match(
    readFileSync(repositoryPath('README.md'), 'utf8'),
    /^[^!]*!\[[^\]]+\]\(docs\/images\/expert-that-matters\.svg\)/,
  )
})

test('without animation it is whole: a viewer that has none draws both answers and one map', async () => {
  assert.ok(Buffer.byteLength(picture) < MOST)
  const still = picture.replace(/@media[^@]*(?:@keyframes.*\n)+\}/, '')
  assert.not.match(still, /animation|keyframes/)
  const shown = [...still.matchAll(/<g class="f k\d+ still">.*?<\/g>/g)]
  assert.is(shown.length, 1)
  // It starts the renderer, which a process can start only once.
  await renderPng({ title: 'a picture', caption: [], blocks: [] })
  // It throws at XML that is not well formed.
  const box = new Resvg(picture).getBBox()
  assert.ok(box && box.width <= 720)
})

test('no viewer moves its words: each run has its place and length, and blanks count', () => {
  assert.match(picture, /^<svg [^>]*xml:space="preserve"/)
  const runs = [...picture.matchAll(/<text ([^>]*)>([^<]*)</g)]
  assert.ok(runs.length > 40)
  for (const [all, attributes, text] of runs) {
    assert.match(attributes, /^x="[\d.]+" y="\d+" textLength="[\d.]+"/, all)
    assert.is(text, text.trim(), all)
  }
})

test.run()
