import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Hono } from 'hono'
import OpenAI from 'openai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { apiOf } from '#molm/server/apis.js'
import { asApiError } from '#molm/server/http/api.js'
import { type AuthOptions, guard } from '#molm/server/http/auth.js'
import { errorResponse, everyRequest } from '#molm/server/http/request-state.js'
import { get, post, sharedNano, withNano } from './served.js'

/* Access to the server: keys, Host names, origins. */
const test = suite('access')

/** Sends a request to an application behind the guard. */
async function asked(options: AuthOptions, path: string, headers: Record<string, string>, method = 'GET') {
  const app = new Hono()
  app.use(everyRequest(apiOf))
  app.use(guard(options))
  app.all('*', (c) => c.text('in'))
  app.onError((error, c) => errorResponse(c, asApiError(error)))
  return app.request(`http://127.0.0.1${path}`, { method, headers })
}

test('with a key, only requests that have it are accepted, except on paths that reveal nothing', async () => {
  const status = async (path: string, authorization?: string) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization }
    return (await asked({ apiKey: 'sesame' }, path, headers)).status
  }
  for (const path of ['/v1/models', '/metrics', '/tokenize', '/pages', '/health/x']) {
    assert.is(await status(path), 401)
    assert.is(await status(path, 'Bearer sesam'), 401)
    assert.is(await status(path, 'Bearer sesame2'), 401)
    assert.is(await status(path, 'Basic sesame'), 401)
    assert.is(await status(path, 'Bearer'), 401)
    assert.is(await status(path, 'Bearer sesame'), 200)
  }
  assert.is(await status('/health'), 200)
  assert.is(await status('/'), 200)
})

test('without a key, a host name that is not this computer’s is refused, whatever its port', async () => {
  const status = async (host: string, listensAt?: string) =>
    (await asked({ host: listensAt }, '/v1/models', { Host: host })).status
  for (const host of ['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', '192.168.1.7:80', 'LOCALHOST']) {
    assert.is(await status(host), 200, host)
  }
  for (const host of ['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example', '']) {
    assert.is(await status(host), 403, host)
  }
  assert.is(await status('models.lan:8080', 'models.lan'), 200)
})

test('no page of another origin may read an answer unless `cors` allows it', async () => {
  const headers = { Origin: 'https://app.example', Host: 'localhost' }
  const allowed = async (cors?: string) =>
    (await asked({ cors }, '/v1/models', headers)).headers.get('Access-Control-Allow-Origin')
  assert.is(await allowed(), null)
  assert.is(await allowed('https://other.example'), null)
  assert.is(await allowed('https://app.example'), 'https://app.example')
  assert.is(await allowed('*'), '*')
})

test('a browser’s preflight request is answered without a key', async () => {
  const options = { apiKey: 'sesame', cors: 'https://app.example' }
  const headers = {
    Origin: 'https://app.example',
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'authorization,content-type',
  }
  const response = await asked(options, '/v1/completions', headers, 'OPTIONS')
  assert.is(response.status, 204)
  assert.match(response.headers.get('Access-Control-Allow-Headers') ?? '', /Authorization.*X-Conversation-Id/)
  const refused = await asked(options, '/v1/models', { Origin: 'https://app.example' })
  assert.is(refused.status, 401)
  assert.is(refused.headers.get('Access-Control-Expose-Headers'), 'X-Request-Id,Retry-After')
})

test('the official client with the right key, a wrong one, and a foreign Host', async () => {
  const { model } = await sharedNano.get()
  await withNano({ apiKey: 'sesame' }, model, async (served) => {
    assert.is((await served.client.models.list()).data.length, 1)
    const stranger = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'guess', maxRetries: 0 })
    const error = await stranger.models.list().catch((reason: unknown) => reason)
    assert.instance(error, OpenAI.AuthenticationError)
    // The server does not even read the body.
    const { status, headers } = await post(served.url, '/v1/completions', '{')
    assert.is(status, 401)
    assert.is(headers.get('WWW-Authenticate'), 'Bearer')
    assert.is((await get(served.url, '/health')).status, 200)
  })
})

test('the server itself refuses a foreign Host header', async () => {
  const served = await sharedNano.get()
  try {
    const { port } = new URL(served.url) as unknown as AddressInfo
    const status = await new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', path: '/v1/models', headers: { Host: 'evil.example' } }
      http.get(options, (response) => resolve(response.resume().statusCode)).on('error', reject)
    })
    assert.is(status, 403)
  } finally {
    await sharedNano.release()
  }
})

test.run()
