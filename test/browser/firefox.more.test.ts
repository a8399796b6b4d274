import { suite } from 'uvu'
import * as assert from 'uvu/assert'
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

/** Writes a few words with only the experts that they need, reloads the page, and writes them again. */
const TWICE = `
  const molm = await import('/dist/web/index.js')
  const model = await molm.loadModel('/models/nano/model-q4.molm.safetensors', { weights: 'needed' })
  let text = ''
  for await (const step of model.createSession().generate('Once', { temperature: 0, maxTokens: 4 })) text += step.text
  const { weightsBytes } = await model.stats()
  await model.dispose()
  const { first } = sessionStorage
  sessionStorage.first = JSON.stringify({ text, weightsBytes, kept: await molm.keptFiles() })
  if (first === undefined) location.reload()
  else await send({ value: [first, sessionStorage.first].map((json) => JSON.parse(json)) })`

inFirefox('Firefox fetches the experts that tokens need by ranges, and none of them again', async () => {
  const { ranges } = both.isolated
  const before = ranges.length
  const [first, second] = (await reportOfFirefox(both.isolated, TWICE)) as { text: string; weightsBytes: number }[]
  assert.is.not(first.text, '')
  assert.equal(second, first)
  // A byte asks whether the host has ranges.
  assert.equal(ranges.at(-1), [0, 1])
  const fetched = ranges.slice(before, -1).reduce((sum, [start, end]) => sum + end - start, 0)
  assert.ok(fetched > 2e6 && fetched < 1.02 * first.weightsBytes + 1e5, `${fetched} for ${first.weightsBytes}`)
  assert.equal(ranges.slice(before).filter(([start, end]) => start === 0 && end === 1).length, 2)
})

test.run()
