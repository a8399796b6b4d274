import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { readConversationJson } from '#molm/chat/conversations/export-json.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { ask, DONE, numbered, press, reload, untilTitles } from './kept-page.js'
import { until } from './served.js'
import { type AskedBody, answered, chunk, open, pageSuite, SMALL, send, texts, token } from './simulated-server.js'
import { stored } from './stored-conversations.js'

const { inBrowser, end } = pageSuite('the list of conversations of the page')

inBrowser('an answer that the page was left in is kept as far as it came, and continued', async () => {
  const bodies: AskedBody[] = []
  async function* lines(number: number) {
    yield chunk('So far', [token('So far', SMALL, 1)])
    if (number === 1) await wait(60_000, undefined, { ref: false })
    yield chunk(' and further', [token(' and further', SMALL, 2)])
    yield DONE
  }
  await open({ answer: (body) => lines(bodies.push(body)) }, async (page) => {
    await send(page, 'a long one')
    await page.waitForSelector('.tokens:has-text("So far")')
    await until(async () => (await stored(page)).bodies[0]?.exchanges[0].answer.content === 'So far')
    await page.reload()
    await page.waitForSelector('.turn')
    assert.equal(await texts(page), ['a long one', 'So far'])
    assert.match((await page.textContent('.turn.model > .note')) ?? '', /^cut: /)
    await press(page, 'Continue')
    await page.waitForSelector('.tokens:has-text("and further")')
    await answered(page)
    assert.is(bodies[1].messages.at(-1).content, 'So far')
    assert.equal(await texts(page), ['a long one', 'So farSo far and further'])
    assert.is(await page.getByRole('button', { name: 'Continue' }).count(), 0)

    // A new chat while an answer comes.
    bodies.length = 0
    await send(page, 'another')
    await page.waitForSelector('.turn:nth-child(4) .tokens:has-text("So far")')
    await page.click('#fresh')
    await page.waitForSelector('#hint')
    await page.waitForSelector('#composer:not(.running)')
    assert.is(await page.inputValue('#message'), '')
    await page.click('#open-list')
    await page.click('#kept .title')
    await page.waitForSelector('.turn:nth-child(4)')
    assert.equal((await texts(page)).slice(2), ['another', 'So far'])
    assert.match((await page.textContent('.turn.model:last-child > .note')) ?? '', /^cut: /)
  })
})

inBrowser('conversations are saved, imported and all deleted, and the keyboard alone opens one', async () => {
  const { answer, bodies } = numbered()
  await open({ answer }, async (page, { faults }) => {
    const act = async (title: string, name: string) => {
      await page.getByRole('button', { name: `Actions for ${title}` }).click()
      await page.locator('.menu').getByRole('button', { name, exact: true }).last().click()
    }
    await ask(page, 'What is a lantern?')
    await page.click('#fresh')
    await ask(page, 'What is a drum?')
    await untilTitles(page, ['What is a drum?', 'What is a lantern?'])

    // By the keyboard alone: open the list, go to the second, open it.
    await page.focus('#open-list')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#kept .row')
    await page.locator('#kept .title').nth(1).focus()
    await page.keyboard.press('Enter')
    await page.waitForSelector('.tokens:has-text("answer 1")')
    assert.not(await page.isVisible('#list'))
    await page.click('#open-list')
    assert.is(await page.textContent('[aria-current="true"] .name'), 'What is a lantern?')

    await inTemporaryFolder(async (dir) => {
      const save = async (ending: string) => {
        const download = page.waitForEvent('download')
        await act('What is a lantern?', `Save as .${ending}`)
        const file = await download
        assert.is(file.suggestedFilename(), `what-is-a-lantern.${ending}`)
        await file.saveAs(`${dir}/lantern.${ending}`)
        await page.keyboard.press('Escape')
      }
      await save('json')
      await save('md')
      assert.match(await readFile(`${dir}/lantern.md`, 'utf8'), /^# What is a lantern\?\n.*answer 1/s)
      const { messages } = readConversationJson(await readFile(`${dir}/lantern.json`), 'lantern.json')
      assert.equal(
        messages.map(({ content }) => content),
        ['What is a lantern?', 'answer 1'],
      )
      await page.setInputFiles('#import-file', {
        name: 'x.json',
        mimeType: '',
        buffer: Buffer.from('[{"role":"usr"}]'),
      })
      await page.waitForSelector('#list-alert:not(:empty)')
      assert.match((await page.textContent('#list-alert')) ?? '', /^Not done: x\.json: .*role/)
      await page.setInputFiles('#import-file', `${dir}/lantern.json`)
      await page.waitForSelector('#list:not([open])', { state: 'attached' })
    })
    assert.equal(await texts(page), ['What is a lantern?', 'answer 1'])
    assert.is(await page.textContent('.turn.model h2'), 'imported')
    await ask(page, 'And a drum?')
    assert.equal(
      bodies[2].messages.map(({ content }: AskedBody) => content),
      ['What is a lantern?', 'answer 1', 'And a drum?'],
    )
    await untilTitles(page, ['What is a lantern?', 'What is a drum?', 'What is a lantern?'])
    await page.click('#open-list')
    await page.waitForSelector('#kept .row')
    await page.uncheck('#keep')
    await page.click('#list-fresh')
    await ask(page, 'not kept')
    assert.equal((await stored(page)).heads.length, 3)
    await page.click('#open-list')
    assert.match((await page.textContent('[aria-current] .note')) ?? '', /not kept/)
    await page.check('#keep')
    await until(async () => (await stored(page)).heads.length === 4)
    await page.click('#delete-all')
    assert.is(await page.textContent('#delete-question'), 'Delete 4 conversations? This cannot be undone.')
    await page.click('#delete-yes')
    await page.waitForSelector('#kept-none')
    assert.equal(await stored(page), { heads: [], bodies: [] })
    assert.equal(faults, [])
  })
})

inBrowser('what another tab changes neither replaces turns that are not kept, nor loses open ones', async () => {
  const { answer } = numbered()
  await open({ answer }, async (page, { faults }) => {
    await ask(page, 'one')
    const other = await page.context().newPage()
    await other.goto(page.url())
    await other.waitForSelector('#send:enabled')
    await page.bringToFront()
    // The other tab does not replace turns that are not kept.
    await page.click('#open-list')
    await page.uncheck('#keep')
    await page.keyboard.press('Escape')
    await ask(page, 'not kept')
    await page.click('#open-list')
    await page.check('#keep')
    await page.keyboard.press('Escape')
    assert.equal((await texts(page)).slice(-2), ['not kept', 'answer 2'])
    await until(async () => JSON.stringify(await stored(page)).includes('not kept'))
    // The other tab deletes this one's conversation.
    await other.bringToFront()
    await other.click('#open-list')
    await other.getByRole('button', { name: 'Actions for one', exact: true }).click()
    await other.locator('.menu:visible').getByRole('button', { name: 'Delete' }).click()
    await page.waitForSelector('#kept-note:has-text("deleted")')
    await ask(page, 'four')
    await reload(page)
    assert.equal((await texts(page)).slice(2), ['not kept', 'answer 2', 'four', 'answer 3'])
    assert.equal(faults, [])
    await other.close()
  })
})

end()
