import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeSite } from '#molm/cli/setup/write-site.js'
import { formatBytes } from '#molm/ground/numbers.js'
import { convertModel, loadModel } from '#molm/index.js'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { repositoryPath } from '../support/fixtures.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { WebServer } from '../support/web-server.js'

const QUESTION = 'What is the capital of Italy?'
const ANSWER = 'The capital of Italy is Rome.'

const test = suite('a site')
const inBrowser = HAS_BROWSER ? test : test.skip
let work: string
let site: string

test.before(async () => {
  work = await mkdtemp(join(tmpdir(), 'molm-test-'))
  site = join(work, 'molm')
  await writeSite(site, ['nano'], {})
})

test.after(async () => {
  await Promise.all([sharedBrowser.release(), rm(work, { recursive: true, force: true })])
})

test('a site has the models and all that its page needs, and is written again in place', async () => {
  const before = await readdir(site, { recursive: true })
  const { models, folder } = await writeSite(site, ['nano'], {})
  assert.equal([models, folder], [['nano'], site])
  assert.equal((await readdir(site, { recursive: true })).sort(), before.sort())
  const [{ name, file, bytes }] = JSON.parse(await readFile(join(site, 'models.json'), 'utf8'))
  assert.equal([name, (await readFile(join(site, file))).length], ['nano', bytes])
  const model = await loadModel(join(site, 'models/nano'))
  await model.dispose()
})

test('a packed model is copied with its companions', async () => {
  const packed = join(work, 'packed')
  await convertModel(repositoryPath('test/fixtures/31-olmoe-f32'), packed, { quant: 'q8' })
  const { models } = await writeSite(join(work, 'other'), [packed], {})
  assert.equal(models, ['packed'])
  const model = await loadModel(join(work, 'other/models/packed'))
  assert.is(model.info.quant, 'q8')
  await model.dispose()
})

test('a folder of other files stays as it is', async () => {
  await writeFile(join(work, 'letter.txt'), 'Dear')
  await rejectsWithUserError(
    () => writeSite(work, ['nano'], {}),
    /holds other files; give another folder for the site$/,
  )
  assert.not((await readdir(work)).includes('index.html'))
  await rejectsWithUserError(() => writeSite('', ['nano'], {}), /^the name of the folder of the site is empty$/)
})

inBrowser('its page answers in the tab, on threads that a service worker allows, and sends nothing', () =>
  onSite(async (web, page, faults) => {
    assert.match((await page.textContent('#engine')) ?? '', /^nano runs in this tab, on (one thread|\d+ threads)\. /)
    assert.is(await page.evaluate('crossOriginIsolated'), true)
    web.requests.length = 0
    await page.fill('#message', QUESTION)
    await page.press('#message', 'Enter')
    await page.waitForSelector(`.turn.model .tokens:has-text("${ANSWER}")`)
    await page.getByRole('button', { name: 'Which expert matters to the answer?' }).click()
    await page.waitForSelector('.turn.matters')
    assert.equal(
      web.requests.filter((request) => !/^GET \/(web\/|kernels\/|sw\.js$)/.test(request)),
      [],
    )
    assert.equal(faults, [])
  }),
)

inBrowser('the page says how much of the model answers woke, and lists what the browser keeps', () =>
  onSite(async (web, page, faults) => {
    await page.fill('#message', QUESTION)
    await page.press('#message', 'Enter')
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    const [{ bytes }] = JSON.parse(await readFile(join(site, 'models.json'), 'utf8'))
    const line = page.locator('#woken-bytes', { hasText: 'fetched' })
    const [, share, all] = /^(\d+) % of the model’s bytes; (.*) fetched$/.exec((await line.textContent()) ?? '') ?? []
    assert.is(all, formatBytes(bytes))
    const woken = /^(\d+) of (\d+) experts woke/.exec((await page.textContent('#caption')) ?? '') ?? []
    // Parts that are not experts are always awake.
    assert.ok(Number(share) >= Math.floor((100 * Number(woken[1])) / Number(woken[2])) && Number(share) < 100, share)
    await page.click('#open-settings')
    const rows = page.locator('#kept-files p')
    await rows.first().waitFor()
    assert.match((await rows.allTextContents()).join(), new RegExp(`^nano/model-q4.molm.safetensors: ${all}`))
    await rows.first().getByRole('button').click()
    await page.waitForSelector('#kept-files', { state: 'detached' })
    assert.equal(
      await page.evaluate('caches.open("molm").then((cache) => cache.keys()).then((keys) => keys.length)'),
      0,
    )
    web.requests.length = 0
    await page.reload()
    await page.waitForSelector('#send:enabled')
    assert.ok(web.requests.includes('GET /models/nano/model-q4.molm.safetensors'))
    assert.equal(faults, [])
  }),
)

inBrowser('a page beside a site shows a live map of its model', async () => {
  await copyFile(repositoryPath('examples/live.html'), join(work, 'live.html'))
  const web = await WebServer.start({ '': work }, false)
  try {
    await visit(await sharedBrowser.get(), {}, async ({ page, faults }) => {
      await page.goto(`${web.url}/live.html`)
      await page.waitForSelector('molm-map [role="option"]:nth-child(4)')
      assert.is(await page.locator('molm-map rect').count(), 6 * (8 + 24))
      assert.equal(faults, [])
    })
  } finally {
    await web.close()
  }
})

inBrowser('a link leads others to the same answer: it has the seed, the settings and the changed experts', () =>
  onSite(async (web, page, faults) => {
    await page.click('#open-settings')
    await page.fill('#temperature', '1.5')
    await page.fill('#max-tokens', '20')
    await page.keyboard.press('Escape')
    // The drawer gives the focus to the message once it is closed.
    await page.waitForSelector('#message:focus')
    await page.focus('#map [data-expert="mlp 0 1"]')
    await page.keyboard.press('x')
    await page.fill('#message', QUESTION)
    await page.press('#message', 'Enter')
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    const answer = await page.textContent('.turn.model .tokens')
    await page.getByRole('button', { name: 'Copy a link' }).click()
    await page.waitForSelector('.copy:text-is("Copied")')
    const link = await page.evaluate<string>('navigator.clipboard.readText()')
    assert.match(
      link,
      /\?ask=What\+is\+the\+capital\+of\+Italy%3F&temperature=1\.5&max-tokens=20&seed=\d+&mask=0%3Amlp%3A1$/,
    )
    await page.evaluate('sessionStorage.clear()')
    await page.goto(link)
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    assert.is(await page.textContent('.turn.model .tokens'), answer)
    assert.match((await page.textContent('#switched-off-list li')) ?? '', /^layer 0 mlp expert 1 /)
    assert.is(page.url(), `${web.url}/`)
    assert.equal(faults, [])
  }),
)

async function onSite(use: (web: WebServer, page: Page, faults: string[]) => Promise<void>): Promise<void> {
  const web = await WebServer.start({ '': site }, false)
  try {
    const permissions = ['clipboard-read', 'clipboard-write']
    await visit(await sharedBrowser.get(), { permissions }, async ({ page, faults }) => {
      await page.goto(web.url)
      await page.waitForSelector('#send:enabled')
      await use(web, page, faults)
    })
  } finally {
    await web.close()
  }
}

test.run()
