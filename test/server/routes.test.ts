import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { OPTION_NAMES } from '#molm/api/generation-options.js'
import { APIS } from '#molm/server/apis.js'
import { createApp } from '#molm/server/app.js'
import { endpointsOf } from '#molm/server/endpoints.js'
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

/** Whether a body has the field at a path such as `options.top_k`. */
function hasField(body: z.ZodType | undefined, [name, ...inside]: string[]): boolean {
  if (name === undefined) return body !== undefined
  const inner = body instanceof z.ZodOptional ? body.unwrap() : body
  return inner instanceof z.ZodObject && hasField(inner.shape[name], inside)
}

test('each option of a generation is a field of every API, or is left out of it on purpose', () => {
  const omitted = APIS.map(({ name, names, bodies }) => [
    name,
    OPTION_NAMES.filter((option) => {
      const has = Object.values(bodies).map((body) => hasField(body, names[option].split('.')))
      return !has.every(Boolean)
    }),
  ])
  assert.equal(Object.fromEntries(omitted), {
    // In a chat, `logprobs` is not the number of tokens but a switch.
    openai: ['context'],
    responses: ['ignoreEos', 'context', 'logprobs'],
    messages: ['context', 'logprobs'],
    ollama: ['ignoreEos'],
  })
})

test.run()
