import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type PullOptions, pullModel } from '#molm/index.js'
import { HubClient } from '#molm/library/hub/transfer/client.js'
import { NETWORK_DEFAULTS } from '#molm/library/hub/transfer/retry.js'
import {
  type Fault,
  type HubServer,
  type ServedRepository,
  sendBeginning,
  sendFlipped,
} from '../../support/hub-server.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { IMPATIENT, isUnfinished, planOf, QUICK, REPO, TENSOR_BY_TENSOR, withHub } from '../../support/with-hub.js'

const FIXTURE = '02-base-safetensors-f32'
const WEIGHTS = 'model.safetensors'

/** Sends the first bytes and closes the connection. */
const cut =
  (after: number): Fault =>
  (request, response, bytes) => {
    request.sent = Math.min(after, bytes.length)
    return sendBeginning(response, bytes, after)
  }

const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (request, response) => {
    request.sent = 0
    response.removeHeader('content-range')
    response.writeHead(code, headers)
    response.end()
    return true
  }

/** Faults of a server, each with what a note says of it. */
const SURVIVED: [RegExp, Fault][] = [
  [/the connection was lost/, cut(1200)],
  [/the connection was lost/, cut(0)],
  [/busy \(status 503\)/, status(503)],
  [/too many requests/, status(429, { 'retry-after': '0.02' })],
  [
    /the connection ended early/,
    (request, response, bytes) => {
      const short = bytes.subarray(0, Math.max(1, bytes.length - 5))
      request.sent = short.length
      response.setHeader('content-range', `bytes ${request.start}-${request.start + short.length - 1}/*`)
      response.setHeader('content-length', short.length)
      response.end(short)
      return true
    },
  ],
  [
    /the server sent 'bytes/,
    (request, response, bytes) => {
      request.sent = 0
      response.setHeader('content-range', `bytes ${request.start + 1}-${request.end - 1}/*`)
      response.end(bytes)
      return true
    },
  ],
]

test('the model is right in spite of connections and servers that fail in seven ways, and almost no byte comes twice', async () => {
  await withHub(async (hub) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    const struck = new Set<string>()
    let count = 0
    let isExpired = false
    // Every third request fails, but only once for the same bytes.
    hub.fault = (request, response, bytes) => {
      const place = `${request.file} ${request.start}`
      if (request.host !== 'storage' || ++count % 3 !== 0 || struck.has(place)) return undefined
      struck.add(place)
      // The permission of an address that was used before expires once.
      const isUsed = hub.seen.some((earlier) => earlier !== request && earlier.url === request.url)
      if (!isExpired && struck.size > 15 && isUsed) {
        isExpired = true
        return status(403)(request, response, bytes)
      }
      return SURVIVED[struck.size % SURVIVED.length][1](request, response, bytes)
    }
    const notes: string[] = []
    const onNote = (note: string) => notes.push(note)
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, network: TENSOR_BY_TENSOR, onNote })
    assert.match(notes[0], /org\/model.*; trying again in \d+ s/)
    assert.ok(isExpired)
    for (const [pattern] of SURVIVED) assert.match(notes.join('\n'), pattern)
    const size = files.get(WEIGHTS)?.length ?? 0
    assert.ok(hub.sentOf(WEIGHTS) < size + 1000, `${hub.sentOf(WEIGHTS)} of ${size}`)
    await hasPartsOf(path, FIXTURE)
  })
})

test('a connection that stalls is given up, and the bytes come over another', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    hub.fault = ({ host, start }, response, bytes) => {
      if (host !== 'storage' || start < 100_000) return undefined
      hub.fault = undefined
      response.setHeader('content-length', bytes.length)
      response.write(bytes.subarray(0, 10))
      return true
    }
    const notes: string[] = []
    const network = { ...IMPATIENT, idleMs: 500 }
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, network, onNote: (note) => notes.push(note) })
    assert.match(notes.join('\n'), /no answer for 0\.5 s; trying again/)
    await hasPartsOf(path, FIXTURE)
  })
})

test('a delay that the server asks for is observed', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    const refused: number[] = []
    hub.apiFault = (response) => {
      refused.push(performance.now())
      if (refused.length > 2) return undefined
      response.writeHead(429, refused.length === 1 ? { 'retry-after': '0.2' } : { 'retry-after': '0.3' }).end()
      return true
    }
    await planOf(REPO)
    assert.ok(refused[1] - refused[0] > 195, `waited ${refused[1] - refused[0]} ms`)
    assert.ok(refused[2] - refused[1] > 295, `waited ${refused[2] - refused[1]} ms`)
  })
})

test('a final failure is reported in a line or two, and nothing has the final name', async () => {
  type Files = ServedRepository['files']
  const config = (files: Files) => files.get('config.json')?.toString() ?? ''
  const cases: [RegExp, (hub: HubServer, repository: ServedRepository) => unknown, object?][] = [
    [/org\/model: there is no such model on 127\.0\.0\.1:\d+, or it is private/, (hub) => hub.repositories.clear()],
    [
      /org\/model: the model is gated .* then give a token/,
      (_, repository) => Object.assign(repository, { gated: true }),
    ],
    [/has no revision 'v9'/, () => {}, { revision: 'v9' }],
    [
      /the server is busy \(status 503\), 5 times in a row\ncheck the connection/,
      (hub) => Object.assign(hub, { fault: status(503) }),
    ],
    [/the connection was lost, 5 times in a row/, (hub) => Object.assign(hub, { fault: cut(0) })],
    [
      /no answer for 0\.1 s, 5 times/,
      (hub) => Object.assign(hub, { fault: () => true }),
      { network: { ...IMPATIENT, idleMs: 100 } },
    ],
    [
      /is missing/,
      (_, { files }) => files.set('config.json', Buffer.from(config(files).replace('"n_layer": 3', '"n_layer": 4'))),
    ],
    [/cut short/, (_, { files }) => files.set(WEIGHTS, files.get(WEIGHTS)?.subarray(0, 50000) as Buffer)],
    [/no config\.json/, (_, { files }) => files.delete('config.json')],
    [/no weights/, (_, { files }) => files.delete(WEIGHTS)],
  ]
  for (const [pattern, spoil, options] of cases) {
    await withHub(async (hub, dir) => {
      spoil(hub, await hub.serve(REPO, FIXTURE))
      await rejectsWithUserError(() => pullModel(REPO, { ...QUICK, ...options }), pattern)
      await isUnfinished(join(dir, 'molm'))
      assert.equal(await readdir(join(dir, 'molm', 'locks')), [])
    })
  }
})

test('an unreachable hub is reported', async () => {
  await withHub(async (hub) => {
    process.env.HF_ENDPOINT = 'http://127.0.0.1:9'
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /org\/model: .*ECONNREFUSED.*3 times/)
    process.env.HF_ENDPOINT = 'huggingface'
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /HF_ENDPOINT is not the address/)
    assert.is(hub.seen.length, 0)
  })
})

/** Answers like a hub that lists its files, with a next page of the test's choice. */
function listing(next: (page: number) => string, entries: unknown = []): HubServer['apiFault'] {
  let page = 0
  return (response, url) => {
    if (!url.includes('/tree/')) return undefined
    response.setHeader('link', `<${next(++page)}>; rel="next"`)
    response.end(JSON.stringify(entries))
    return true
  }
}

test('a listing that never ends, or repeats a page, is refused', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    const at = (page: number) => `${hub.endpoint}/api/models/${REPO}/tree/${'a'.repeat(40)}?cursor=${page}`
    for (const next of [at, () => at(1)]) {
      hub.apiFault = listing(next)
      const asked = hub.seen.length
      await rejectsWithUserError(() => pullModel(REPO, QUICK), /lists its files without end/)
      assert.ok(hub.seen.length - asked <= 101, `${hub.seen.length - asked} questions`)
    }
    const many = Array.from({ length: 60000 }, (_, i) => ({ type: 'directory', path: `${i}`, size: 0, oid: '' }))
    hub.apiFault = listing(at, many)
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /lists more than 100000 files/)
  })
})

test('a listing or redirect may lead to another address, unless that is less safe', async () => {
  const network = { ...NETWORK_DEFAULTS, ...IMPATIENT }
  const client = new HubClient({ environment: { endpoint: 'https://hub.example' }, network })
  const ask = client.fetchFor(REPO, 'main')
  for (const url of ['http://hub.example/api', 'file:///etc/passwd', 'ftp://hub.example/api']) {
    await rejectsWithUserError(() => ask(url), /org\/model: the hub leads to the unsafe address/)
  }
  client.close()
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    hub.apiFault = (response) => {
      response.writeHead(307, { location: 'ftp://hub.example/api' }).end()
      return true
    }
    await rejectsWithUserError(
      () => pullModel(REPO, QUICK),
      /the hub redirects to the unsafe address ftp:\/\/hub\.example/,
    )
  })
})

/** Answers questions whose address contains `part` with `body`. */
function answering(part: string, body: string | Buffer): HubServer['apiFault'] {
  return (response, url) => {
    if (!url.includes(part)) return undefined
    response.end(body)
    return true
  }
}

test('a server that does not answer like a hub is reported in two lines', async () => {
  const page = '<!DOCTYPE html><title>Please log in</title>'
  const answers: (string | Buffer)[] = [page, 'null', '[]', '{"sha":{}}', '{"sha":5}', gzipSync('{"sha":"x"}'), '']
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    const refuses = async (question: string, answer: string | Buffer, says: RegExp) => {
      hub.apiFault = answering(question, answer)
      await rejectsWithUserError(() => pullModel(REPO, QUICK), says)
    }
    const unclear = /does not answer like a hub|does not say clearly/
    for (const answer of answers) {
      await refuses('/revision/', answer, unclear)
      await refuses('/tree/', answer, answer === '[]' ? /no config\.json/ : unclear)
    }
    await refuses('/tree/', '[null, 5]', /does not answer like a hub/)
    // Names and hashes must be texts.
    const entry = { type: 'file', path: 'README.md', size: 5, oid: 'a'.repeat(40) }
    for (const wrong of [{ path: ['README.md'] }, { path: 5 }, { oid: ['a'.repeat(40)] }]) {
      await refuses('/tree/', JSON.stringify([{ ...entry, ...wrong }]), /does not say clearly/)
    }
  })
})

test('a server that sends single bytes, or almost none, does not hang a pull', async () => {
  await withHub(async (hub) => {
    const bytesOneByOne: Fault = (_, response, bytes) => {
      response.setHeader('content-length', bytes.length)
      let sent = 0
      const timer = setInterval(() => response.write(bytes.subarray(sent, ++sent)), 20).unref()
      response.once('close', () => clearInterval(timer))
      return true
    }
    const interimAnswers: Fault = (_, response) => {
      const timer = setInterval(() => response.writeContinue(), 20).unref()
      response.socket?.once('close', () => clearInterval(timer))
      return true
    }
    const trickles: [Fault, PullOptions['network'], RegExp][] = [
      [cut(1), { retryDelaysMs: [1] }, /the connection was lost, 2 times/],
      // Long enough for a byte to break each silence, on a busy machine, too.
      [bytesOneByOne, { idleMs: 700, retryDelaysMs: [] }, /almost no data in 1\.4 s/],
      [interimAnswers, { idleMs: 100, retryDelaysMs: [1] }, /no answer for 0\.1 s, 2 times/],
    ]
    await hub.serve(REPO, FIXTURE)
    for (const [fault, limits, pattern] of trickles) {
      hub.fault = (request, response, bytes) =>
        request.host === 'storage' && request.start > 0 ? fault(request, response, bytes) : undefined
      const network = { ...IMPATIENT, connections: 1, ...limits }
      await rejectsWithUserError(() => pullModel(REPO, { ...QUICK, network }), pattern)
    }
  })
})

test('a flipped byte in a small file is found at once', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    hub.fault = ({ file }, response, bytes) => (file === 'config.json' ? sendFlipped(response, bytes, 5) : undefined)
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /config\.json: not what the hub has/)
  })
})

test('--verify finds a flipped byte in a range or a header, and keeps nothing', async () => {
  for (const [at, bit] of [
    [1_000_000, 1],
    [20_000, 64],
  ]) {
    await withHub(async (hub, dir) => {
      await hub.serve(REPO, FIXTURE)
      let isFirst = true
      hub.fault = (request, response, bytes) => {
        const isWhole = request.headers.range === undefined
        if (request.file !== WEIGHTS || isWhole || !isFirst || request.start > at || request.end <= at) return undefined
        isFirst = false
        return sendFlipped(response, bytes, at - request.start, bit)
      }
      await rejectsWithUserError(
        () => pullModel(`${REPO}:f32`, { ...QUICK, verify: true }),
        /model\.safetensors: not what the hub has/,
      )
      assert.equal(await readdir(join(dir, 'molm', 'models', 'org')), [])
    })
  }
})

test('--verify fetches the file a second time, in order, and accepts a right one', async () => {
  await withHub(async (hub) => {
    const { files } = await hub.serve(REPO, '04-bin-f16-sharded')
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, verify: true })
    for (const [name, { length }] of files) {
      if (name.endsWith('.bin')) assert.ok(hub.sentOf(name) > 1.9 * length && hub.sentOf(name) < 2.2 * length, name)
    }
    await hasPartsOf(path, '04-bin-f16-sharded')
  })
})

test.run()
