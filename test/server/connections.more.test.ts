import { once } from 'node:events'
import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { serveNano, until } from './served.js'

const test = suite('large streams')

test('a stream that its client does not read stops, lets others run, and is closed', async () => {
  const own = await serveNano({ limits: { stallMs: 1_500, promptTokens: 10_000_000 } })
  const tokens = async () => (await own.model.stats()).tokensProcessed
  try {
    // Its first event alone is larger than the system's buffers.
    const prompt = new Array(4_000).fill(5)
    const answer = { max_tokens: 30_000, ignore_eos: true, stream: true, routed_experts: true, logprobs: 20 }
    const text = JSON.stringify({ ...answer, prompt, echo: true })
    const { hostname, port } = new URL(own.url)
    const socket = net.connect(Number(port), hostname).pause()
    socket.on('error', () => undefined)
    const head = 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
    socket.write(`${head}Content-Length: ${text.length}\r\n\r\n${text}`)
    await until(async () => (await tokens()) > 0)
    const { choices } = await own.client.completions.create({ model: 'nano', prompt: 'A dog', max_tokens: 5 })
    assert.is(choices.length, 1)
    const closed = once(socket, 'close')
    await until(async () => (await own.model.stats()).sequencesRunning === 0)
    socket.resume()
    await closed
  } finally {
    await own.close()
  }
})

test.run()
