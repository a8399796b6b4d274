import type { ServerResponse } from 'node:http'
import type { HubServer } from '../support/hub-server.js'
import { Chance } from './chance.js'
import { harmBytes } from './harm-bytes.js'
import { harmJson } from './harm-json.js'

/** One fault of a hub, which affects some of its answers. */
export interface Lie {
  kind: string
  /** Whether it affects answers about a repository, rather than the bytes of files. */
  isAnswer: boolean
  /** Index of the first affected answer, and the number of consecutive ones. */
  from: number
  count: number
  seed: number
}

/**
 * Spoils an answer before it is sent. The correct bytes pass through `end`. Returns true if it has sent another answer.
 */
type Spoil = (response: ServerResponse, chance: Chance, url: string) => boolean | undefined

/** Makes a hub commit these faults, each `count` times. */
export function strike(server: HubServer, lies: readonly Lie[]): void {
  const counters = { answers: 0, files: 0 }
  const told = (isAnswer: boolean, at: number, response: ServerResponse, url: string) => {
    for (const { kind, from, count, seed, ...lie } of lies) {
      if (lie.isAnswer !== isAnswer || at < from || at >= from + count) continue
      const spoil = (isAnswer ? ANSWER_LIES : FILE_LIES)[kind]
      return spoil(response, new Chance(seed, kind, at - from), url)
    }
    return undefined
  }
  server.apiFault = (response, url) => told(true, counters.answers++, response, url)
  server.fault = ({ url }, response) => told(false, counters.files++, response, url)
}

/** Sends the result of `change` instead of the bytes. */
function instead(response: ServerResponse, change: (body: Uint8Array) => Uint8Array): undefined {
  const end = response.end.bind(response) as (body: Uint8Array) => ServerResponse
  response.end = ((body: Uint8Array | string = '') => {
    response.removeHeader('content-length')
    return end(change(Buffer.from(body)))
  }) as ServerResponse['end']
  return undefined
}

const BODIES = [
  ...['<!doctype html><title>Log in</title>', 'null', '[]', '{}', '[null]', '[{}]', '"text"', '5', '', '[[]]'],
  ...['\x1f\x8b\x08\0\0', '{"sha":{}}', '{"sha":null}', '{"sha":"../../../x"}', '{"sha":"A"}'],
  '[{"type":"file","path":5,"size":"x"}]',
]

function status(response: ServerResponse, code: number, headers: Record<string, string> = {}): true {
  response.writeHead(code, headers).end()
  return true
}

const ADDRESSES = [
  ...[
    'file:///etc/passwd',
    'ftp://127.0.0.1/x',
    'data:text/plain,x',
    'javascript:1',
    '//',
    'http://',
    '\\\\x\\y',
    '/',
    '',
  ],
  ...['http://127.0.0.1:1/x', 'http://[::1]:1/x', 'http://user:secret@127.0.0.1:1/', 'x'.repeat(5000)],
]

const BOTH: Record<string, Spoil> = {
  status: (response, chance) =>
    status(response, chance.pick([201, 204, 301, 400, 401, 403, 404, 416, 418, 429, 500, 502, 503, 599])),
  asksToWait: (response, chance) =>
    status(response, 429, { 'retry-after': chance.pick(['0', '0.01', '-5', 'x', '1e-9']) }),
  redirects: (response, chance) =>
    status(response, chance.pick([301, 302, 307, 308]), { location: chance.pick(ADDRESSES) }),
  redirectsToItself: (response, _, url) => status(response, 302, { location: url }),
  hangsUp: (response) => {
    response.destroy()
    return true
  },
  keepsSilent: () => true,
  cut: (response, chance) => {
    response.end = ((body: Uint8Array | string = '') => {
      const bytes = Buffer.from(body)
      return response.write(bytes.subarray(0, 1 + chance.below(bytes.length)), () => response.destroy())
    }) as unknown as ServerResponse['end']
    return undefined
  },
}

/** Faults in answers about a repository and its files. */
export const ANSWER_LIES: Record<string, Spoil> = {
  ...BOTH,
  nonsense: (response, chance) => instead(response, () => Buffer.from(chance.pick(BODIES))),
  otherBytes: (response, chance) => instead(response, (body) => harmBytes(body, chance)),
  otherJson: (response, chance) =>
    instead(response, (body) => harmJson(JSON.parse(Buffer.from(body).toString()), chance, 'answer')),
  samePageForEver: (response, _, url) => {
    response.setHeader('link', `<${url}>; rel="next"`)
    return instead(response, (body) => body)
  },
  pagesForEver: (response, chance, url) => {
    const next = new URL(url)
    next.searchParams.set('page', String(chance.below(2 ** 32)))
    // The page sets its own link first; this one replaces it.
    const setHeader = response.setHeader.bind(response)
    response.setHeader = (name, value) => setHeader(name, name === 'link' ? `<${next}>; rel="next"` : value)
    response.setHeader('link', '')
    return undefined
  },
  nextElsewhere: (response, chance) => {
    const address = chance.pick(ADDRESSES.filter((address) => !address.includes('secret')))
    response.setHeader('link', `<${address}>; rel="next"`)
    return undefined
  },
}

/** Faults in the bytes of a file. */
export const FILE_LIES: Record<string, Spoil> = {
  ...BOTH,
  otherBytes: (response, chance) => instead(response, (body) => sameLength(harmBytes(body, chance), body.length)),
  otherLength: (response, chance) => instead(response, (body) => harmBytes(body, chance)),
  more: (response, chance) => instead(response, (body) => Buffer.concat([body, chance.bytes(1 + chance.size(5000))])),
  less: (response, chance) => instead(response, (body) => body.subarray(0, chance.below(body.length + 1))),
  otherRange: (response, chance) => {
    const ranges = ['bytes 0-0/1', 'bytes */*', 'x', 'bytes 5-4/3', 'bytes 0-99999999999999999999/5', 'bytes 0-9/*', '']
    response.setHeader('content-range', chance.pick(ranges))
    return undefined
  },
  noRange: (response) => {
    response.statusCode = 200
    response.removeHeader('content-range')
    return undefined
  },
  encoded: (response, chance) => {
    response.setHeader('content-encoding', chance.pick(['gzip', 'br', 'x']))
    return undefined
  },
}

function sameLength(bytes: Uint8Array, length: number): Uint8Array {
  const same = new Uint8Array(length)
  same.set(bytes.subarray(0, length))
  return same
}
