import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ended, type Running, startMolm } from './molm.js'
import { complete } from './server.js'

/* A balancer asks /health, as the probes of examples/cluster/serve.yaml do. */

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Health {
  code: number | 'refused'
  status?: string
}

/** Asks on a new connection, as a probe does. */
async function health(port: number): Promise<Health> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { headers: { Connection: 'close' } })
    return { code: response.status, status: ((await response.json()) as { status: string }).status }
  } catch {
    return { code: 'refused' }
  }
}

/** Starts a server and waits until it is ready. Resolves with all that /health said before. */
async function started(): Promise<{ child: Running; port: number; url: string; before: Health[] }> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child = startMolm(['serve', '--port', String(port), '--quiet', '-t', '1'])
  const before: Health[] = []
  for (;;) {
    const found = await health(port)
    if (found.code === 200) return { child, port, url, before }
    assert.is(child.exitCode, null)
    before.push(found)
    await sleep(1)
  }
}

test('a server is ready once its model is loaded, and answers from then on', async () => {
  const { child, url, before } = await started()
  const end = ended(child)
  for (const { code, status } of before) assert.ok(code === 'refused' || (code === 503 && status === 'loading'), status)
  assert.is((await complete(url, { prompt: 'Once', max_tokens: 1 })).status, 200)
  child.kill('SIGTERM')
  assert.is((await end).code, 0)
})

test('on SIGTERM a server is not ready at once, finishes its streams, refuses others, and ends', async () => {
  const { child, port, url } = await started()
  const end = ended(child)
  // Its first event is larger than the system's buffers: the stream cannot end before it is read.
  const wide = { prompt: new Array(4_000).fill(5), echo: true, logprobs: 20, routed_experts: true }
  const stream = await complete(url, { ...wide, max_tokens: 5, ignore_eos: true, stream: true })
  const body = stream.body as ReadableStream<Uint8Array>
  const reader = body.getReader()
  await reader.read()
  child.kill('SIGTERM')
  let during = await health(port)
  while (during.code === 200) during = await health(port)
  assert.equal(during, { code: 503, status: 'closing' })
  const refused = await complete(url, { prompt: 'Twice', max_tokens: 1 })
  assert.is(refused.status, 503)
  assert.is(refused.headers.get('Retry-After'), '1')
  reader.releaseLock()
  assert.match(await text(body), /"finish_reason":"length"[^\n]*\n\ndata: \[DONE\]\n\n$/)
  assert.is((await end).code, 0)
  assert.is((await health(port)).code, 'refused')
})

test.run()
