import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { accessibilityFaults } from '../support/accessibility.js'
import { inSettings } from './nano-page.js'
import { chunk, open, pageSuite, SMALL, send, token } from './simulated-server.js'

const { inBrowser, end } = pageSuite('Markdown on the page')

const DOCUMENT = `# Lighthouses

A **light**house is a *tower*, see [Wikipedia](https://en.wikipedia.org/wiki/Lighthouse) or <https://example.com/a_b>.
\`inline\` and ~~old~~ \\*stars\\*.

3. First
   - nested **one**
4. Second

   \`\`\`js
   if (lit) {
     turn(1)
   }
   \`\`\`

> A quote
> of two lines
> - its list
> - of two

| lamp | height |
|:-----|-------:|
| Pharos | 100 |
| | 49 |

![a picture](https://example.com/light.png) <b>html</b>
`

const DONE = 'data: [DONE]\n\n'

/** Tokens of a few characters, which Markdown divides. */
const tokensOf = (text: string): string[] => text.match(/[\s\S]{1,5}/g) ?? []

function answering(text: string, tokens = tokensOf(text)) {
  return async function* () {
    for (const [i, piece] of tokens.entries()) yield chunk(piece, [token(piece, SMALL, i)])
    yield DONE
  }
}

const answered = (page: Page) => page.waitForSelector('.turn.model[aria-busy="false"]')

/** The text of an answer with its hidden marks. */
const wholeText = (page: Page) =>
  page.$eval('.turn.model > .mounted > .tokens', (element) => {
    const copy = element.cloneNode(true) as typeof element
    for (const button of copy.querySelectorAll('button')) button.remove()
    return copy.textContent
  })

const texts = async (page: Page, selector: string) =>
  (await page.locator(`.turn.model > .mounted > .tokens ${selector}`).allInnerTexts()).map((text) => text.trim())

inBrowser('an answer is drawn without faults of accessibility, and each character belongs to its token', async () => {
  await open({ answer: answering(DOCUMENT) }, async (page, { faults }) => {
    await send(page)
    await answered(page)
    assert.equal(await texts(page, 'h3.level-1'), ['Lighthouses'])
    assert.equal(await texts(page, 'strong'), ['light', 'one'])
    assert.equal([await texts(page, 'em'), await texts(page, 'del')], [['tower'], ['old']])
    assert.equal(await texts(page, ':not(pre) > code'), ['inline'])
    assert.is(await page.getAttribute('.markdown ol', 'start'), '3')
    assert.equal(await texts(page, 'ol ul li'), ['nested one'])
    assert.equal(await texts(page, 'pre'), ['if (lit) {\n  turn(1)\n}'])
    assert.equal(await texts(page, '.language'), ['js'])
    assert.equal(await texts(page, 'blockquote > p'), ['A quote\nof two lines'])
    assert.equal(await texts(page, 'blockquote li'), ['its list', 'of two'])
    assert.equal(await texts(page, 'th'), ['lamp', 'height'])
    assert.equal(await texts(page, 'td.right'), ['100', '49'])
    assert.match((await texts(page, 'p')).join(), /\*stars\*/)
    assert.is(await wholeText(page), DOCUMENT)
    const byToken = await page.$$eval('.markdown [data-i]', (spans) => {
      const found: string[] = []
      for (const span of spans) {
        const i = Number(span.getAttribute('data-i'))
        found[i] = (found[i] ?? '') + span.textContent
      }
      return found
    })
    assert.equal(byToken, tokensOf(DOCUMENT))
    await inSettings(page, () => page.selectOption('#colour-by', 'mlp 0'))
    assert.equal(await accessibilityFaults(page), [])
    await inSettings(page, () => page.selectOption('#colour-by', 'off'))
    assert.equal(faults, [])
  })
})

inBrowser('a token within Markdown shows its experts, by pointer and keyboard, also as written', async () => {
  const tokens = ['A', ' **', 'bo', 'ld', '** `', 'code', '`']
  await open({ answer: answering('', tokens), goesOn: true }, async (page) => {
    await send(page)
    await answered(page)
    const named = () => page.textContent('#experts .detail div')
    await page.hover('.markdown strong :not(.markup)')
    assert.is(await named(), 'experts of "bo"')
    assert.is(await page.$$eval('#map .on', (cells) => cells.length), 2 * (1 + 2))
    await page.hover('.markdown code :not(.markup)')
    assert.is(await named(), 'experts of "code"')
    // The token is a blank that is seen and a mark that is not.
    await page.hover('.markdown p > :not(.markup) >> nth=1')
    assert.is(await named(), 'experts of " **"')
    await page.focus('.markdown [tabindex="0"][data-i]')
    const walked: (string | null)[] = []
    for (const _ of tokens) {
      await page.keyboard.press('ArrowRight')
      walked.push(await named())
    }
    const seen = [' **', 'bo', 'ld', '** `', 'code']
    assert.equal(
      [...new Set(walked)],
      seen.map((text) => `experts of ${JSON.stringify(text)}`),
    )
    await inSettings(page, () => page.selectOption('#colour-by', 'mlp 0'))
    assert.is(await page.$$eval('.markdown [data-i]:not(.coloured)', (all) => all.length), 0)
    await inSettings(page, () => page.check('#as-written'))
    const script = `document.querySelector('.turn.model .tokens').innerText`
    assert.is(await page.evaluate(script), tokens.join(''))
    await page.hover('.markdown .markup >> nth=0')
    assert.is(await named(), 'experts of " **"')
    await inSettings(page, () => page.uncheck('#as-written'))
    await inSettings(page, () => page.selectOption('#colour-by', 'off'))
  })
})

inBrowser('text that comes in any pieces is drawn like the whole, block by block', async () => {
  const entry = fileURLToPath(import.meta.resolve('#molm/page/markdown/markdown-text.js'))
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false })
  await open({ goesOn: true }, async (page) => {
    await page.route('**/page/markdown-text.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: outputFiles[0].text }),
    )
    const wrong = await page.evaluate(compareStreams, DOCUMENT)
    assert.equal(wrong, [])
  })
})

/** Draws texts piece by piece and at once in the browser. Returns the texts whose drawings or characters differ. */
async function compareStreams(given: string): Promise<string[]> {
  // biome-ignore lint/suspicious/noExplicitAny: the code runs in the browser, which has other types
  const { MarkdownText } = (await import('./page/markdown-text.js' as string)) as any
  let state = 1
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % below
  }
  const parts =
    'a~word ~**~*~_~`~```~```js\n~\n~\n~\n\n~- ~1. ~> ~| ~|---|---|\n~a|b\n~-|-\n~# ~  ~    ~\t~[x](http://a.b)~[~](~![~<b>~\\~---\n~- [x] ~😀~\r\n'.split(
      '~',
    )
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const plain = (element: any) => {
    const copy = element.cloneNode(true)
    for (const one of [copy, ...copy.querySelectorAll('*')]) {
      one.classList.remove('caret')
      one.removeAttribute('tabindex')
      if (one.className === '') one.removeAttribute('class')
      if (one.tagName === 'BUTTON') one.remove()
    }
    return copy
  }
  const wrong: string[] = []
  for (let round = 0; round < 40; round++) {
    let text = given
    if (round > 3) text = Array.from({ length: 5 + random(50) }, () => parts[random(parts.length)]).join('')
    const [streamed, pieces] = [new MarkdownText(), [] as { text: string; token: number }[]]
    for (let at = 0; at < text.length; ) {
      const piece = { text: text.slice(at, at + 1 + random(round > 3 ? 6 : 40)), token: pieces.length }
      pieces.push(piece)
      at += piece.text.length
      streamed.show([piece])
      if (random(2) === 0 && at < text.length) continue
      const whole = new MarkdownText()
      whole.show(pieces)
      whole.end()
      const [one, other] = [plain(streamed.element), plain(whole.element)]
      if (one.outerHTML !== other.outerHTML || one.textContent !== text.slice(0, at)) wrong.push(text.slice(0, at))
    }
  }
  return wrong
}

inBrowser('a selection and the elements of closed blocks stay while text comes', async () => {
  let isOver = false
  async function* slow() {
    yield chunk('First **block**.\n\n- an item\n- ', [token('First **block**.\n\n- an item\n- ', SMALL, 0)])
    for (let i = 1; !isOver; i++) {
      yield chunk(`word${i} `, [token(`word${i} `, SMALL, i)])
      await wait(5)
    }
    yield DONE
  }
  await open({ answer: slow, goesOn: true }, async (page) => {
    await send(page)
    await page.waitForSelector('.markdown li:nth-child(2) span:nth-child(3)')
    const select = `getSelection().selectAllChildren(document.querySelector('.markdown strong')); kept = document.querySelector('.markdown li')`
    await page.evaluate(select)
    assert.is(await page.$$eval('.caret', (all) => all.length), 1)
    await page.waitForSelector('.markdown li:nth-child(2) span:nth-child(30)')
    isOver = true
    await answered(page)
    assert.is(await page.evaluate('String(getSelection())'), 'block')
    assert.is(await page.evaluate('kept.isConnected'), true)
  })
})

inBrowser('code is copied without its marks, and the button says so', async () => {
  await open({ answer: answering(DOCUMENT), goesOn: true, view: { clipboard: true } }, async (page) => {
    await send(page)
    await answered(page)
    await page.getByRole('button', { name: 'Copy the code' }).click()
    await page.waitForSelector('.code button:has-text("Copied")')
    assert.is(await page.evaluate('navigator.clipboard.readText()'), 'if (lit) {\n  turn(1)\n}')
  })
})

const EVIL = '<img src=x onerror="document.title=\'evil\'"><script>document.title="evil"</script>'
const LINKS = `[a](javascript:alert(1)) [b](JaVaScRiPt&colon;x) [c](data:text/html,x) [d](/v1/models) <javascript:x> ![e](data:x)
[f](vbscript:x) [g](<java	script:x>) [h][1] [good](HTTPS://Example.com/?a=1&amp;b=2 "title") ![i](http://example.com/i.png) [https://a.org](https://b.org) [[1]](https://c.org) www.example.org me@example.org

[1]: javascript:alert(1)`

inBrowser('links are of http, https or mail, and neither images nor HTML come in', async () => {
  await open(
    { answer: answering(`${LINKS}\n\n${EVIL}\n\n| ${EVIL} |\n|--|\n| ${EVIL} |`), goesOn: true },
    async (page, { requests, faults }) => {
      await send(page)
      await answered(page)
      const links = await page.$$eval('.markdown a', (all) =>
        all.map((link) => ['href', 'rel', 'target', 'title'].map((name) => link.getAttribute(name))),
      )
      const addresses = [
        'https://example.com/?a=1&b=2',
        'http://example.com/i.png',
        'https://b.org/',
        'https://c.org/',
        'https://www.example.org/',
        'mailto:me@example.org',
      ]
      assert.equal(
        links,
        addresses.map((address) => [address, 'noopener noreferrer', '_blank', address]),
      )
      assert.equal(await texts(page, '.target'), [
        '(HTTPS://Example.com/?a=1&amp;b=2 "title")',
        '(http://example.com/i.png)',
        '(https://b.org)',
        '(https://c.org)',
      ])
      assert.is(await page.$$eval('main img, main script, .markdown [onerror]', (all) => all.length), 0)
      assert.is(await page.title(), 'made-up · molm')
      assert.equal(
        requests.filter((address) => !/\/v1\/|icon/.test(address)),
        [],
      )
      assert.equal(faults, [])
    },
  )
})

end()
