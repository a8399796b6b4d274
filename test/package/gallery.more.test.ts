import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** Maximum bytes of a page, since a reader downloads it. */
const MOST = 300_000

test('the gallery has light pages that need nothing from elsewhere, and an index with a sentence of each', () =>
  inTemporaryFolder(async (folder) => {
    const args = [repositoryPath('scripts/draw-gallery.mjs'), folder]
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: repositoryPath('.'), encoding: 'utf8' })
    assert.is(status, 0, stderr)
    const pages = new Map(readdirSync(folder).map((page) => [page, readFileSync(join(folder, page), 'utf8')]))
    for (const [page, text] of pages) {
      assert.ok(Buffer.byteLength(text) < MOST, page)
      assert.not.match(text.replaceAll('http://www.w3.org/2000/svg', ''), /https?:|src=|@import|url\(/, page)
    }
    const index = pages.get('index.html') ?? ''
    const entries = [...index.matchAll(/<li><a href="([\w-]+\.html)">[^<]+<\/a><br>(.*?)<\/li>/g)]
    assert.equal(
      entries.map(([, page]) => page).sort(),
      [...pages.keys()].filter((page) => page !== 'index.html').sort(),
    )
    assert.ok(entries.length > 5)
    for (const [, page, sentences] of entries) {
      const text = pages.get(page)?.replaceAll('&quot;', '"')
      for (const sentence of sentences.split('<br>')) assert.ok(text?.includes(sentence), `${page}: ${sentence}`)
    }
  }))

test.run()
