import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listen } from '#molm/server/listen.js'
import { HAS_BROWSER, loadAnew, sharedBrowser, visitAgain } from '../support/browser.js'
import { withModel } from '../support/models.js'
import { writeParrot } from '../support/parrot-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { inSettings } from './nano-page.js'

/* A real server whose model says given texts: its page, from the settings to the answer after a call. */

const test = suite('the page with a model that thinks and calls')
const inBrowser = HAS_BROWSER ? test : test.skip

const QUESTION = 'What is the weather in Bern?'
const CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bern"}}\n</tool_call>'
const ANSWERS = [
  { says: '<think>\nA greeting.\n</think>\n\nHello! How are you?' },
  { to: QUESTION, says: `<think>\nI ask the tool.\n</think>\n\nI look it up.\n${CALL}` },
  { toTool: true as const, says: '<think>\nIt has answered.\n</think>\n\nIt is 21 degrees in Bern.' },
]
const TOOLS = JSON.stringify([
  {
    type: 'function',
    function: {
      name: 'get_weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
])

/** Waits for the answer with a number, from 1 on. */
async function answer(page: Page, number: number) {
  await page
    .locator('.turn.model')
    .nth(number - 1)
    .waitFor()
  await page.waitForSelector('#composer:not(.running) >> xpath=.. >> .turn.model:last-child[aria-busy="false"]')
  const last = page.locator('.turn.model').nth(number - 1)
  const text = (selector: string) => last.locator(selector).first().textContent()
  return { last, text }
}

async function ask(page: Page, message: string): Promise<void> {
  await page.fill('#message', message)
  await page.press('#message', 'Enter')
}

inBrowser('thoughts, a call, its result and a schema', () =>
  inTemporaryFolder(async (dir) => {
    const path = await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers: ANSWERS })
    await withModel(path, { threads: 1 }, async (model) => {
      const [server, browser] = await Promise.all([listen({ port: 0 }), sharedBrowser.get()])
      server.open(model)
      try {
        await visitAgain(browser, {}, async (visit) => {
          const { page, faults } = visit
          await loadAnew(visit, server.url)
          await page.waitForSelector('#send:enabled')
          await inSettings(page, () => page.fill('#tools', TOOLS))

          await ask(page, QUESTION)
          const first = await answer(page, 1)
          assert.match((await first.text('.thoughts summary')) ?? '', /^thought \d+ tokens, [\d.]+ s$/)
          assert.is((await first.text('.thoughts .tokens'))?.trim(), 'I ask the tool.')
          assert.is((await first.text(':scope > .mounted > .tokens'))?.trim(), 'I look it up.')
          assert.is(await first.text('.call h3'), 'calls get_weather')
          assert.is(await first.text('.call pre'), '{\n  "city": "Bern"\n}')
          assert.ok((await first.text('.notation .tokens'))?.includes('"arguments": {"city": "Bern"}'))
          // Each token with a text has a span, except the special ones around the parts.
          const spans = await first.last.locator('.tokens [data-i]').count()
          const [, tokens] = /^(\d+) tokens/.exec((await first.text(':scope > .note')) ?? '') ?? []
          assert.ok(spans > 10 && spans <= Number(tokens), `${spans} spans of ${tokens} tokens`)

          await page.getByLabel('Result of get_weather').fill('21 degrees')
          await page.keyboard.press('Enter')
          const second = await answer(page, 2)
          assert.is(await second.text(':scope > .mounted > .tokens'), 'It is 21 degrees in Bern.')
          assert.is((await second.text('.thoughts .tokens'))?.trim(), 'It has answered.')

          await inSettings(page, async () => {
            await page.fill('#tools', '')
            await page.locator('#think').selectOption('off')
          })
          await ask(page, 'Hi')
          const third = await answer(page, 3)
          assert.is(await third.text(':scope > .mounted > .tokens'), 'Hello! How are you?')
          assert.is(await third.last.locator('.thoughts').count(), 0)

          const schema =
            '{"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"], "additionalProperties": false}'
          await inSettings(page, () => page.fill('#schema', schema))
          await ask(page, 'As JSON')
          const fourth = await answer(page, 4)
          assert.is(await fourth.text(':scope > .mounted > .tokens'), '{\n  "a": 1\n}')

          await inSettings(page, () => page.fill('#schema', '[1]'))
          await ask(page, 'Again')
          await page.waitForSelector('#schema-alert:not(:empty)')
          assert.is(await page.inputValue('#message'), 'Again')
          assert.equal(
            faults.filter((fault) => !fault.includes('400')),
            [],
          )
          await page.goto('about:blank')
        })
      } finally {
        await sharedBrowser.release()
        await server.close()
      }
    })
  }),
)

test.run()
