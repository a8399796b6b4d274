import { suite } from 'uvu'
import { HAS_FIREFOX, reportOfFirefox } from '../support/firefox.js'
import { FEW, inPage, PagesAndNode, type Report } from '../support/pages-and-node.js'
import type { WebServer } from '../support/web-server.js'

const test = suite('the same bits in Firefox')
const inFirefox = HAS_FIREFOX ? test : test.skip
let both: PagesAndNode

test.before(async () => {
  both = await PagesAndNode.start(FEW)
})

test.after(() => both.close())

async function report(web: WebServer): Promise<Report> {
  return (await reportOfFirefox(web, `${inPage(FEW)}; await send({ value: report })`)) as Report
}

inFirefox('an isolated page of Firefox computes as Node does', async () => {
  both.check(await report(both.isolated), true)
})

inFirefox('any other page of Firefox computes the same on one thread', async () => {
  both.check(await report(both.plain), false)
})

test.run()
