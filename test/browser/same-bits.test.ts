import { suite } from 'uvu'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { FEW, inPage, PagesAndNode, type Report } from '../support/pages-and-node.js'
import type { WebServer } from '../support/web-server.js'

const test = suite('the same bits in a page')
const inBrowser = HAS_BROWSER ? test : test.skip
let both: PagesAndNode

test.before(async () => {
  both = await PagesAndNode.start()
})

test.after(async () => {
  await Promise.all([both.close(), sharedBrowser.release()])
})

async function report(web: WebServer, names?: readonly string[]): Promise<Report> {
  let found: unknown
  await visit(await sharedBrowser.get(), {}, async ({ page }) => {
    await page.goto(web.url)
    found = await page.evaluate(`(async () => { ${inPage(names)}; return report })()`)
  })
  return found as Report
}

inBrowser('an isolated page of Chromium computes as Node does, on all its threads', async () => {
  both.check(await report(both.isolated), true)
})

inBrowser('any other page of Chromium computes the same on one thread', async () => {
  both.check(await report(both.plain, FEW), false)
})

test.run()
