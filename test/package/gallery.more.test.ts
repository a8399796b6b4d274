import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

/** Maximum bytes of a page and of the gallery, since a reader downloads them. */
const MOST = { page: 300_000, gallery: 1_500_000 }

const test = suite('scripts/draw-gallery.mjs')

let folder: string
let pages: string[]
const read = (page: string) => readFileSync(join(folder, page), 'utf8')

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-gallery-'))
  const args = [repositoryPath('scripts/draw-gallery.mjs'), folder]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: repositoryPath('.'), encoding: 'utf8' })
  assert.is(status, 0, stderr)
  pages = readdirSync(folder)
})
test.after(() => rm(folder, { recursive: true, force: true }))

test('its pages are light', () => {
  const sizes = pages.map((page) => statSync(join(folder, page)).size)
  assert.ok(pages.length > 5)
  assert.ok(Math.max(...sizes) < MOST.page, `${pages}: ${sizes}`)
  assert.ok(sizes.reduce((sum, size) => sum + size) < MOST.gallery)
})

test('the index links every page with a sentence that the page has, too', () => {
  const entries = [...read('index.html').matchAll(/<li><a href="([\w-]+\.html)">[^<]+<\/a><br>(.*?)<\/li>/g)]
  assert.equal(entries.map(([, page]) => page).sort(), pages.filter((page) => page !== 'index.html').sort())
  for (const [, page, sentences] of entries) {
    const text = read(page).replaceAll('&quot;', '"')
    for (const sentence of sentences.split('<br>')) assert.ok(text.includes(sentence), `${page}: ${sentence}`)
  }
})

test('a page needs nothing from elsewhere', () => {
  for (const page of pages) {
    assert.not.match(read(page).replaceAll('http://www.w3.org/2000/svg', ''), /https?:|src=|@import|url\(/, page)
  }
})

test.run()
