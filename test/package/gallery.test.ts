import { readdirSync, readFileSync, statSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

/** Maximum bytes of a page and of the gallery: a reader downloads them, and every clone has them. */
const MOST = { page: 300_000, gallery: 1_500_000 }

const pages = readdirSync(repositoryPath('docs/gallery'))
const read = (page: string) => readFileSync(repositoryPath(`docs/gallery/${page}`), 'utf8')

test('pages of the gallery are light', () => {
  const sizes = pages.map((page) => statSync(repositoryPath(`docs/gallery/${page}`)).size)
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

test('a page of the gallery needs nothing from elsewhere', () => {
  for (const page of pages) {
    assert.not.match(read(page).replaceAll('http://www.w3.org/2000/svg', ''), /https?:|src=|@import|url\(/, page)
  }
})

test.run()
