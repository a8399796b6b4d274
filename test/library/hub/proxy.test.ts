import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { proxyFor } from '#molm/library/hub/transfer/transport.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { IMPATIENT, planOf, withHub } from '../../support/with-hub.js'

test('the proxy is found by scheme, lower case first, and may lack its own scheme', () => {
  const find = (url: string, env: NodeJS.ProcessEnv) => proxyFor(new URL(url), env)?.href
  assert.is(find('https://hub.example/x', {}), undefined)
  assert.is(find('https://hub.example/x', { HTTP_PROXY: 'http://a:1' }), undefined)
  assert.is(find('https://hub.example/x', { HTTPS_PROXY: 'http://a:1' }), 'http://a:1/')
  assert.is(find('http://hub.example/x', { HTTP_PROXY: 'http://a:1', HTTPS_PROXY: 'http://b:2' }), 'http://a:1/')
  assert.is(find('https://hub.example/x', { https_proxy: 'b:2', HTTPS_PROXY: 'http://a:1' }), 'http://b:2/')
  assert.is(find('https://hub.example/x', { ALL_PROXY: 'https://me:secret@c:3' }), 'https://me:secret@c:3/')
  const refused = () => find('https://hub.example/x', { ALL_PROXY: 'socks5://c:3' })
  assert.throws(refused, /must be an http or https address/)
})

test('NO_PROXY names hosts, subdomains, ports, or all', () => {
  const isExempt = (url: string, list: string) =>
    proxyFor(new URL(url), { HTTPS_PROXY: 'http://a:1', HTTP_PROXY: 'http://a:1', NO_PROXY: list }) === undefined
  assert.ok(isExempt('https://hub.example', 'other, hub.example'))
  assert.ok(isExempt('https://cdn.hub.example', 'hub.example'))
  assert.ok(isExempt('https://cdn.hub.example', '.hub.example'))
  assert.ok(isExempt('https://cdn.hub.example', '*.HUB.example'))
  assert.not(isExempt('https://myhub.example', 'hub.example'))
  assert.not(isExempt('https://hub.example', 'example.hub'))
  assert.ok(isExempt('https://hub.example', '*'))
  assert.ok(isExempt('https://hub.example', 'hub.example:443'))
  assert.not(isExempt('http://hub.example', 'hub.example:443'))
  assert.not(isExempt('https://hub.example', ''))
})

test('a pull uses the proxy of the environment for both hosts', async () => {
  const asked: string[] = []
  const proxy = http.createServer((request, response) => {
    const { url = '', headers } = request
    asked.push(`${new URL(url).hostname} ${headers['proxy-authorization'] ?? ''}`)
    const { 'proxy-authorization': _credentials, ...own } = headers
    http.get(url, { headers: own }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(response)
    })
  })
  const port = await listen(proxy)
  await withHub(async (hub) => {
    await hub.serve('org/model', '02-base-safetensors-f32')
    process.env.HTTP_PROXY = `http://me:se%20cret@127.0.0.1:${port}`
    await planOf('org/model')
    assert.is(asked.length, hub.seen.length)
    const credentials = `Basic ${Buffer.from('me:se cret').toString('base64')}`
    assert.equal([...new Set(asked)].sort(), [`127.0.0.1 ${credentials}`, `localhost ${credentials}`])
    for (const { headers } of hub.seen) assert.is(headers['proxy-authorization'], undefined)
  }).finally(() => close(proxy))
})

test('an error names the proxy that refused', async () => {
  const proxy = http.createServer()
  proxy.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'))
  const port = await listen(proxy)
  await withHub(async () => {
    process.env.HF_ENDPOINT = 'https://hub.example'
    process.env.HTTPS_PROXY = `127.0.0.1:${port}`
    await rejectsWithUserError(
      () => pullModel('org/model', { threads: 1, network: IMPATIENT }),
      new RegExp(`the proxy 127\\.0\\.0\\.1:${port} refuses with status 407`),
    )
  }).finally(() => close(proxy))
})

test('https uses a reusable tunnel, and the certificate is checked', async () => {
  const [key, cert] = ['key', 'certificate'].map((name) => certificatePath(name))
  const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    response.end('through')
  })
  let tunnels = 0
  const proxy = http.createServer()
  proxy.on('connect', ({ url = '' }, socket, head) => {
    tunnels++
    const [host, port] = url.split(':')
    const to = net.connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      to.write(head)
      to.pipe(socket).pipe(to)
    })
    for (const end of [to, socket]) end.on('error', () => {})
  })
  const [port, proxyPort] = [await listen(server, 'localhost'), await listen(proxy)]
  const script = `
    import { text } from 'node:stream/consumers'
    import { Transport } from '#molm/library/hub/transfer/transport.js'
    const transport = new Transport(5000, 1)
    for (let i = 0; i < 2; i++) {
      try {
        const { status, body } = await transport.get(new URL('https://localhost:${port}/'), {})
        console.log(\`\${status} \${await text(body)}\`)
      } catch (error) {
        console.log(error.code)
      }
    }
    transport.close()`
  const run = async (env: object) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('../../../../', import.meta.url)),
      env: { ...process.env, NO_PROXY: '', no_proxy: '', HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
    return output
  }
  try {
    assert.is(await run({ NODE_EXTRA_CA_CERTS: cert }), '200 through\n200 through\n')
    assert.is(tunnels, 1)
    assert.match(await run({}), /^(DEPTH_ZERO_SELF_SIGNED_CERT\n){2}$/)
  } finally {
    close(server)
    close(proxy)
  }
})

/** A key for localhost, only for tests. */
function certificatePath(name: string): string {
  return fileURLToPath(new URL(`../../../../test/library/hub/localhost-certificate/${name}.pem`, import.meta.url))
}

/** Tunnelled connections no longer belong to the server; they end with their other ends. */
function close(server: http.Server): void {
  server.closeAllConnections()
  server.close()
}

function listen(server: http.Server, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve) => server.listen(0, host, () => resolve((server.address() as AddressInfo).port)))
}

test.run()
