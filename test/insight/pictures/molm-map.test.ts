import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readTrace } from '#molm/insight/pictures/interactive/map-trace.js'
import { readChunks } from '#molm/lab/traces/read-trace.js'
import { HAS_BROWSER, sharedBrowser, visit } from '../../support/browser.js'
import { repositoryPath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'

interface Context {
  server: Server
  url: string
  /** Files that the server has beside the repository. */
  files: Record<string, string>
}

const test = suite('<molm-map>', { files: {} } as Context)
const inBrowser = HAS_BROWSER ? test : test.skip

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json' }

/** A plain web server of the repository. */
test.before(async (context) => {
  context.server = createServer(async ({ url = '' }, response) => {
    const body = context.files[url] ?? (await readFile(repositoryPath(`.${url}`)).catch(() => undefined))
    response
      .writeHead(body === undefined ? 404 : 200, { 'content-type': TYPES[extname(url)] ?? 'text/plain' })
      .end(body)
  })
  await new Promise<void>((resolve) => context.server.listen(0, resolve))
  context.url = `http://127.0.0.1:${(context.server.address() as AddressInfo).port}`
})

test.after(({ server }) => void server.close())

const layers = (...ids: number[]) => ids.map((id, layer) => ({ layer, mlp: { ids: [id, 7], gates: [0.9, 0.1] } }))

/** Experts of tokens that each woke two in two layers, as `readTrace` gives them. */
const woken = (kind: string, ...tokens: number[][][]) =>
  tokens.map((rows) => rows.map((ids, layer) => ({ kind, layer, ids })))

test('a trace of molm has the same tokens in each of its forms', () => {
  const steps = ['A', ' "b",\n'].map((text, i) => ({ token: i, text, experts: layers(i, i + 1) }))
  const usage = { mlp: [new Array(8).fill(0), new Array(8).fill(0)] }
  const rows = steps.flatMap(({ token, text, experts }, index) =>
    experts.flatMap(({ layer, mlp: { ids, gates } }) =>
      ids.map((expert, rank) => ({ index, token, text, layer, kind: 'mlp', rank, expert, gate: gates[rank] })),
    ),
  )
  const table = [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))].map((fields) =>
    fields.map((field) => (/[",\n]/.test(`${field}`) ? `"${`${field}`.replaceAll('"', '""')}"` : field)).join(),
  )
  const forms = {
    experts: JSON.stringify({ texts: [{ name: 't', usage, per_token: steps }] }),
    server: JSON.stringify({
      choices: [{ prompt_routed_experts: steps.slice(0, 1), routed_experts: [...steps.slice(1)] }],
    }),
    steps: [...steps, { finish_reason: 'stop' }].map((step) => JSON.stringify(step)).join('\n'),
    rows: rows.map((row) => JSON.stringify(row)).join('\n'),
    table: `${table.join('\n')}\n`,
  }
  for (const [form, text] of Object.entries(forms)) {
    const [{ tokens }] = readTrace(text)
    assert.equal(
      tokens,
      steps.map(({ text, experts }) => {
        return { text, woken: experts.map(({ layer, mlp }) => ({ kind: 'mlp', layer, ...mlp })) }
      }),
      form,
    )
  }
  assert.equal(readTrace(forms.experts)[0].experts, { mlp: [8, 8] })
})

test('routed_experts of vLLM and SGLang are read in all their forms, by commands too, and the answer has its words', async () => {
  const ids = [
    [
      [1, 2],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 0],
    ],
  ]
  const flat = ids.flat(2)
  const base64 = (...arrays: (Uint8Array | Int32Array)[]) =>
    Buffer.concat(arrays.map(({ buffer }) => Buffer.from(buffer))).toString('base64')
  const head = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2), }".padEnd(117)
  const npy = Uint8Array.from(`\x93NUMPY\x01\x00\x76\x00${head}\n`, (sign) => sign.charCodeAt(0))
  const logprobs = { tokens: ['b', '.'] }
  const shape = { layers: 2, topK: 2 }
  const asCommand = (text: string, given?: typeof shape) =>
    readChunks('t', Readable.from([Buffer.from(text)]), given && { ...given, remedy: '' })
  const forms = {
    'a NumPy file': { choices: [{ logprobs, routed_experts: base64(npy, Uint8Array.from(flat)) }] },
    'bytes with a shape': {
      choices: [
        {
          logprobs: { content: [{ token: 'b' }, { token: '.' }] },
          routed_experts: { data: base64(Uint8Array.from(flat)), shape: [2, 2, 2], dtype: 'uint8', start: 0 },
        },
      ],
    },
    lists: { choices: [{ logprobs, routed_experts: ids }] },
    'bare int32': { choices: [{ logprobs, sgl_ext: { routed_experts: base64(Int32Array.from(flat)) } }] },
    meta_info: { text: 'b.', meta_info: { logprobs, routed_experts: base64(Int32Array.from(flat)) } },
    'SGLang with ids': {
      output_ids: [5, 6],
      meta_info: {
        ...{
          prompt_tokens: 1,
          output_token_logprobs: [
            [-1, 5, 'b'],
            [-2, 6, '.'],
          ],
        },
        routed_experts: base64(Int32Array.from(flat)),
      },
    },
  }
  for (const [form, response] of Object.entries(forms)) {
    const [{ tokens }] = readTrace(JSON.stringify(response), shape)
    assert.equal(
      tokens.map((token) => token.woken),
      woken('experts', ...ids),
      form,
    )
    // The last token was not read.
    assert.equal(
      tokens.map(({ text }) => text),
      ['[0]', 'b'],
      form,
    )
    const { texts, words } = await asCommand(JSON.stringify(response), shape)
    const [{ text }] = texts
    assert.equal([text.prompt, text.tokens.map((id) => words.get(id))], [1, ['[0]', 'b']], form)
    assert.equal(
      text.layers.map(({ kind, layer, k, ids }) => [kind, layer, k, ...ids]),
      [0, 1].map((layer) => ['mlp', layer, 2, ...ids[0][layer], ...ids[1][layer]]),
      form,
    )
  }
  assert.throws(() => readTrace(JSON.stringify(forms.meta_info)), /give the attributes layers and top-k/)
  const refused = { ...shape, topK: 3 }
  await rejectsWithUserError(() => asCommand(JSON.stringify(forms.meta_info)), /have no shape: -m MODEL says/)
  await rejectsWithUserError(
    () => asCommand(JSON.stringify(forms.meta_info), refused),
    /8 numbers .* do not fit 2 layers/,
  )
  assert.throws(() => readTrace('{"choices": [{}]}'), /no routed_experts: ask the server/)
  assert.throws(() => readTrace('a,b\n1,2\n'), /neither JSON nor a table/)
})

inBrowser('the example page draws its trace from a plain web server, with pointer and keys', async ({ url }) => {
  assert.ok(statSync(repositoryPath('dist/bundle/map.js')).size < 60_000)
  await visit(
    await sharedBrowser.get(),
    { viewport: { width: 390, height: 844 } },
    async ({ page, faults, requests }) => {
      await page.goto(`${url}/examples/map.html`)
      const caption = page.locator('molm-map .bar span')
      await page.waitForSelector('molm-map rect')
      assert.is(await page.locator('molm-map rect').count(), 6 * (8 + 24))
      assert.match((await caption.textContent()) ?? '', /^how often each expert woke/)
      await page.locator('molm-map [role="option"]').nth(1).click()
      const ids = JSON.parse(await readFile(repositoryPath('examples/map.json'), 'utf8')).texts[0].per_token[1].experts
      const lit: string[] = await page.evaluate(
        "[...document.querySelector('molm-map').shadowRoot.querySelectorAll('rect[class]')].map((cell) => cell.dataset.place)",
      )
      type Layer = { layer: number } & Record<string, { ids: number[] }>
      const expected = (ids as Layer[]).flatMap(({ layer, ...kinds }) =>
        Object.entries(kinds).flatMap(([kind, one]) => one.ids.map((id) => `${kind} ${layer} ${id}`)),
      )
      assert.equal([...lit].sort(), expected.sort())
      await page.keyboard.press('ArrowRight')
      await page.waitForSelector('molm-map [role="option"]:nth-child(3).now')
      await page.locator('molm-map [data-place="mlp 5 0"]').focus()
      assert.match((await caption.textContent()) ?? '', /^layer 5, MLP expert 0: \d+ of \d+ tokens wake it$/)
      await page.keyboard.press('ArrowUp')
      assert.match((await caption.textContent()) ?? '', /^layer 4, MLP expert 0: /)
      await page.keyboard.press('Escape')
      await page.locator('molm-map button').click()
      await page.waitForSelector('molm-map [role="option"]:nth-child(2).now')
      assert.is(await page.locator('molm-map button').textContent(), 'Pause')
      assert.is(await page.evaluate('document.documentElement.scrollWidth'), 390)
      assert.equal(faults, [])
      assert.equal(
        requests.map((request) => new URL(request).pathname),
        ['/examples/map.html', '/dist/bundle/map.js', '/examples/map.json'],
      )
    },
  )
})

inBrowser('tokens are added as they come, and what the reader chooses stays', async ({ url, files }) => {
  files['/empty.html'] = '<script type="module" src="/dist/bundle/map.js"></script><molm-map></molm-map>'
  await visit(await sharedBrowser.get(), {}, async ({ page }) => {
    await page.goto(`${url}/empty.html`)
    await page.evaluate("document.querySelector('molm-map').begin([{ kind: 'mlp', experts: [4, 4] }])")
    const add = (text: string, ...ids: number[]) => {
      const routes = ids.map((id) => `{ mlp: { ids: Int32Array.of(${id}), gates: Float32Array.of(1) } }`)
      return page.evaluate(`document.querySelector('molm-map').add({ text: '${text}', routes: [${routes}] })`)
    }
    const lit = () =>
      page.evaluate(
        "[...document.querySelector('molm-map').shadowRoot.querySelectorAll('rect[class]')].map((cell) => cell.dataset.place)",
      )
    await add('a', 1, 2)
    await add('b', 3, 0)
    assert.equal(await lit(), ['mlp 0 3', 'mlp 1 0'])
    await page.locator('molm-map [role="option"]').first().click()
    await add('c', 0, 0)
    assert.equal(await lit(), ['mlp 0 1', 'mlp 1 2'])
    assert.is(await page.locator('molm-map [role="listbox"]').textContent(), 'abc')
  })
})

inBrowser(
  'another src draws another trace, and a trace that cannot be read is said in the page',
  async ({ url, files }) => {
    const data = Buffer.from(Int32Array.from([0, 1, 2, 3]).buffer).toString('base64')
    files['/sglang.json'] = JSON.stringify({ meta_info: { routed_experts: data } })
    files['/page.html'] =
      '<script type="module" src="/dist/bundle/map.js"></script><molm-map src="/sglang.json" layers="2" top-k="2" experts="16"></molm-map>'
    await visit(await sharedBrowser.get(), {}, async ({ page }) => {
      await page.goto(`${url}/page.html`)
      await page.waitForSelector('molm-map rect')
      assert.is(await page.locator('molm-map rect').count(), 2 * 16)
      await page.evaluate("document.querySelector('molm-map').removeAttribute('layers')")
      const alert = page.locator('molm-map [role="alert"]')
      await alert.waitFor()
      assert.match((await alert.textContent()) ?? '', /^\/sglang\.json: .*give the attributes layers and top-k/)
      await page.evaluate("document.querySelector('molm-map').setAttribute('src', '/none.json')")
      await page.waitForSelector('molm-map [role="alert"]:has-text("none.json: the server answers 404")')
    })
  },
)

test.run()
