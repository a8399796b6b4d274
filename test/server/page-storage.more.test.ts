import * as assert from 'uvu/assert'
import { ask, numbered, untilTitles } from './kept-page.js'
import { until } from './served.js'
import { open, pageSuite, texts } from './simulated-server.js'

const { inBrowser, end } = pageSuite('the page and a storage with faults')

inBrowser('without storage, with a full one and with damaged conversations the page still answers', async () => {
  const { answer } = numbered()
  await open({ answer, key: 'k', loads: false }, async (first, { url }) => {
    const page = await first.context().newPage()
    await page.addInitScript(`for (const name of ['indexedDB', 'localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError') } })
    }`)
    await page.goto(url)
    await page.fill('#key', 'k')
    await page.press('#key', 'Enter')
    await ask(page, 'one')
    await page.waitForSelector('#kept-note:not(:empty)')
    assert.is(await page.textContent('#kept-note'), 'This conversation is not kept: the browser does not allow it.')
    await ask(page, 'two')
    assert.equal(await texts(page), ['one', 'answer 1', 'two', 'answer 2'])
    await untilTitles(page, ['one'])
    await page.close()
  })
  await open({ answer }, async (page) => {
    await ask(page, 'kept')
    // A quota of the browser's own cannot be set for a page like this.
    await page.evaluate(`{
      const { put } = IDBObjectStore.prototype
      globalThis.makeRoom = () => { IDBObjectStore.prototype.put = put }
      IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }
    }`)
    await ask(page, 'full')
    await page.waitForSelector('#kept-note:has-text("storage is full")')
    await page.evaluate('makeRoom()')
    await ask(page, 'more room')
    await until(async () => (await page.textContent('#kept-note')) === '', 'no note')
    await page.click('#fresh')
    await ask(page, 'another')
    await page.evaluate(`new Promise((resolve) => {
      indexedDB.open('molm-conversations').onsuccess = ({ target: { result: database } }) => {
        const write = database.transaction(['heads', 'bodies'], 'readwrite')
        write.objectStore('heads').put({ id: 'x', title: 1 })
        write.objectStore('bodies').openCursor().onsuccess = ({ target: { result: cursor } }) => {
          cursor.update({ exchanges: [{}], last: 0, settings: {} })
        }
        write.oncomplete = () => { database.close(); resolve() }
      }
    })`)
    await page.click('#open-list')
    await page.waitForSelector('.said:has-text("damaged")')
    await page.locator('#kept .title').last().click()
    await page.waitForSelector('#list-alert:has-text("damaged and cannot be read")')
    await page.locator('.said button').click()
    await page.waitForSelector('.said', { state: 'detached' })
    await page.keyboard.press('Escape')
    await ask(page, 'still here')
  })
})

end()
