import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OPTION_NAMES } from '#molm/api/generation-options.js'
import { chatBody, completionBody } from '#molm/server/api/fields.js'
import { ollamaOptions } from '#molm/server/api/ollama/fields.js'
import { responsesBody } from '#molm/server/api/responses/body.js'
import { createApp, endpointsOf } from '#molm/server/app.js'
import { fieldIn } from '#molm/server/common/option-fields.js'
import { ServedModels } from '#molm/server/models/served-models.js'
import { molm } from '../cli/molm.js'
import { repositoryPath } from '../support/fixtures.js'
import { get, type Served, serveSharedNano } from './served.js'

/* Routes and fields: the metrics, the help and the documents name what exists. */
const test = suite('routes')

let served: Served
let routes: Set<string>

test.before(async () => {
  served = await serveSharedNano({})
  const app = createApp(ServedModels.of(served.model, {}, endpointsOf))
  const isOfPage = (path: string) => path.startsWith('/page/') || path.includes('*')
  routes = new Set(app.routes.map(({ path }) => path).filter((path) => !isOfPage(path)))
})
test.after(() => served.close())

test('docs/SERVE.md names every route in its table', () => {
  const [, table] = readFileSync(repositoryPath('docs/SERVE.md'), 'utf8').split('\n## Endpoints\n')
  const [rows] = table.split('\n## ')
  const named = new Set(
    [...rows.matchAll(/`(?:[A-Z]+ )?(\/[\w/]*)`/g)].map(([, path]) => path.replace('/ID', '/:id{.+}')),
  )
  const missing = [...routes].filter((path) => !named.has(path))
  assert.equal(missing, [])
})

test('every path in the help of `molm serve` is a route', async () => {
  const { stdout } = await molm(['serve', '--help', 'all'])
  const [, list] = stdout.split('\nEndpoints')
  const [lines] = list.split('\n\n')
  const paths = [...lines.matchAll(/ (\/[\w/]*)/g)].map(([, path]) => path)
  assert.ok(paths.length > 5)
  const unknown = paths.filter((path) => !routes.has(path))
  assert.equal(unknown, [])
})

test('the metrics count requests to each route by its path', async () => {
  await get(served.url, '/api/version')
  await get(served.url, '/api/versions')
  const text = await (await fetch(`${served.url}/metrics`)).text()
  assert.match(text, /molm_http_requests_total\{[^}]*path="\/api\/version"/)
  assert.match(text, /path="other"/)
  assert.not.match(text, /versions/)
})

test('each option of a generation is a field of every API, or is left out of it on purpose', () => {
  const apis = { openai: [chatBody, completionBody], responses: [responsesBody], ollama: [ollamaOptions] } as const
  const omitted = Object.entries(apis).map(([api, bodies]) => [
    api,
    OPTION_NAMES.filter((name) => {
      const field = fieldIn(api as keyof typeof apis, name)
      for (const { shape } of field === undefined ? [] : bodies)
        assert.ok(field && field in shape, `${api} lacks ${field}`)
      return field === undefined
    }),
  ])
  assert.equal(Object.fromEntries(omitted), {
    openai: ['context', 'logprobs'],
    responses: ['ignoreEos', 'context', 'logprobs'],
    ollama: ['ignoreEos', 'context', 'logprobs'],
  })
})

test.run()
