import { request } from 'node:http'
import type { Ask } from './asks.js'

/** Sends a request. Resolves with the status, the headers and the body of its response, as text. */
export async function send(url: string, ask: Ask): Promise<string> {
  const { status, headers, body } = await exchange(url, ask)
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  return `${[`HTTP ${status}`, ...lines].join('\n')}\n\n${body.toString()}\n`
}

interface Response {
  status: string
  headers: [name: string, value: string][]
  body: Buffer
}

function exchange(url: string, { path, method, headers, body }: Pick<Ask, 'path' | 'method' | 'headers' | 'body'>) {
  return new Promise<Response>((resolve, reject) => {
    const { hostname, port } = new URL(url)
    // Given as a path: fetch and URL would mend a wrong one.
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { rawHeaders: raw, statusCode, statusMessage } = response
        const pairs = raw.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, raw[i + 1]]] : []))
        resolve({ status: `${statusCode} ${statusMessage}`, headers: pairs, body: Buffer.concat(chunks) })
        sent.destroy()
      })
    })
    sent.on('error', reject)
    sent.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body))
  })
}
