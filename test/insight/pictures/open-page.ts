import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import * as assert from 'uvu/assert'
import { renderHtml } from '#molm/insight/pictures/html/html.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { type Visit, visit, visitAgain } from '../../support/browser.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/** Two texts of alternating tokens: in prose `<b>` uses experts 0, in code all tokens use MLP expert 2. */
export const HTML = renderHtml(drawUsage([proseOf(3), codeOf(3)], { tokens: true }))

/** Opens a written page, which must cause no faults and no other requests. */
export async function open(
  browser: Browser,
  options: Parameters<typeof visit>[1],
  use: (visit: Visit) => Promise<void>,
  html = HTML,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'experts.html')
    await writeFile(file, html)
    const check = async (visited: Visit) => {
      await visited.page.goto(pathToFileURL(file).href)
      // The last module of the page has run.
      await visited.page.waitForSelector('section.text svg [tabindex="0"]')
      await use(visited)
      assert.equal(visited.faults, [])
      assert.is(visited.requests.length, 1)
    }
    await (options ? visit(browser, options, check) : visitAgain(browser, {}, check))
  })
}
