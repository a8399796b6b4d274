import { once } from 'node:events'
import { type Running, startMolm } from './molm.js'

/** Starts a server and waits for its address. */
export async function startServer(args: string[], env?: object): Promise<{ child: Running; url: string }> {
  const child = startMolm(['serve', '--port', '0', ...args], env)
  let said = ''
  child.stdout.setEncoding('utf8')
  while (!said.includes('\n')) said += (await once(child.stdout, 'data'))[0]
  return { child, url: /http:\S+/.exec(said)?.[0] ?? '' }
}

/** Asks a server to complete a text. */
export const complete = (url: string, body: object, headers = {}) =>
  fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
