import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clientOf } from '#molm/server/http/clients.js'
import { get, type Served, serverFor, serveSharedNano, until, withNano } from './served.js'

/* A client that takes as much as it can get, and others. Each has another address of the loopback, which only Linux has. */
const test = suite('shares')
const inLinux = process.platform === 'linux' ? test : test.skip

const [GREEDY, OTHER] = ['127.0.0.2', '127.0.0.3']
const ENDLESS = { prompt: 'Once', max_tokens: 30_000, ignore_eos: true, temperature: 1, stream: true }
const SHORT = { prompt: 'A dog', max_tokens: 1 }
const served = serverFor(test, () => serveSharedNano({ limits: { parallel: 2, waiting: 4, drainMs: 300 } }))

const withConnections = (connections: number, use: (own: Served) => Promise<void>) =>
  withNano({ limits: { connections, drainMs: 300 } }, served.model, use)

/** Connections and responses to close at the end of a test. */
const open: { destroy(): unknown }[] = []
test.after.each(() => {
  for (const one of open.splice(0)) one.destroy()
})

/** Sends a completion from an address. Resolves with the head of the response, or with the error of the connection. */
function ask(localAddress: string, body: object, { url } = served): Promise<http.IncomingMessage | Error> {
  const options = { method: 'POST', localAddress, agent: false, headers: { 'Content-Type': 'application/json' } }
  return new Promise((resolve) => {
    const request = http.request(`${url}/v1/completions`, options, (response) => {
      response.on('error', () => undefined)
      open.push(response)
      resolve(response.resume())
    })
    request.on('error', resolve).end(JSON.stringify(body))
  })
}

const statusOf = async (answer: ReturnType<typeof ask>) => {
  const response = await answer
  return response instanceof Error ? response.message : response.statusCode
}

/** Opens a connection that sends nothing. */
async function connect(localAddress: string, { url } = served): Promise<net.Socket> {
  const { hostname: host, port } = new URL(url)
  const socket = net.connect({ host, port: Number(port), localAddress }).on('error', () => undefined)
  open.push(socket)
  await once(socket, 'connect')
  return socket
}

/** Sends a request on a connection; resolves once there is an answer. */
async function use(socket: net.Socket): Promise<void> {
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const closed = once(socket, 'close').then(() => ['closed'])
  const [head] = await Promise.race([once(socket, 'data'), closed])
  assert.match(String(head), /^HTTP\/1.1 200/)
}

/** Which of some connections the server has closed, once there is one. */
async function closedOf(sockets: readonly net.Socket[]): Promise<number[]> {
  await until(() => sockets.some(({ closed }) => closed))
  for (const socket of sockets) if (!socket.closed) await use(socket)
  return sockets.flatMap(({ closed }, i) => (closed ? [i] : []))
}

inLinux('a client that fills the queue leaves others their share of it, and loses no answer', async () => {
  const greedy = await Promise.all(Array.from({ length: 8 }, () => ask(GREEDY, ENDLESS)))
  const statuses = greedy.map((answer) => (answer instanceof Error ? answer : answer.statusCode))
  assert.equal(statuses.filter((status) => status === 200).length, 6)
  assert.equal(statuses.filter((status) => status === 429).length, 2)
  assert.is(await statusOf(ask(OTHER, SHORT)), 200)
  assert.is(await statusOf(ask(GREEDY, SHORT)), 429)
  const { running, waiting } = (await get(served.url, '/health')).body
  assert.is(running + waiting, 6)
})

inLinux('a client that holds all connections idle loses the oldest to others', () =>
  withConnections(3, async (own) => {
    const idle = [await connect(GREEDY, own), await connect(GREEDY, own), await connect(GREEDY, own)]
    assert.is(await statusOf(ask(OTHER, SHORT, own)), 200)
    assert.equal(await closedOf(idle), [0])
  }),
)

inLinux('a client that has answers on all connections loses the newest to others', () =>
  withConnections(3, async (own) => {
    const streams: (http.IncomingMessage | Error)[] = []
    for (let i = 0; i < 3; i++) streams.push(await ask(GREEDY, ENDLESS, own))
    assert.is(await statusOf(ask(OTHER, SHORT, own)), 200)
    const isOver = (stream: http.IncomingMessage | Error) => stream instanceof Error || stream.destroyed
    await until(() => streams.some(isOver))
    assert.equal(streams.map(isOver), [false, false, true])
  }),
)

test('a client alone can have all connections; one more closes the oldest without a request', () =>
  withConnections(3, async (own) => {
    const { hostname } = new URL(own.url)
    await ask(hostname, ENDLESS, own)
    const [second, third] = [await connect(hostname, own), await connect(hostname, own)]
    for (const socket of [third, second]) await use(socket)
    const fourth = await connect(hostname, own)
    await use(fourth)
    assert.equal(await closedOf([second, third, fourth]), [0])
    // A request that was accepted waits until its prompt has been read.
    const { running, waiting } = (await get(own.url, '/health')).body
    assert.is(running + waiting, 1)
  }))

test('a client is an IPv4 address, or an IPv6 network of 64 bits', () => {
  for (const [address, client] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::7:8:9', '2001:db8:0:0'],
    ['2001:db8:0:1::', '2001:db8:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
    [undefined, undefined],
  ]) {
    assert.is(clientOf(address), client, address)
  }
})

test.run()
