import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '#molm/errors.js'
import { bytesOf } from './files.js'
import { expect, type Format } from './format.js'

/*
 * Broken readers for the supervisor's test: each commits one fault that molm must never commit, and is named after it.
 */

const MISDEEDS: Record<string, (dir: string) => unknown> = {
  hangs() {
    for (;;);
  },
  waits: () => new Promise(() => setInterval(() => {}, 1000)),
  'never settles': () => new Promise(() => {}),
  aborts: () => process.abort(),
  'exhausts the heap'() {
    for (const all: number[][] = []; ; ) all.push(new Array(1000).fill(all.length))
  },
  'takes memory': () => expect(new Uint8Array(400 * 2 ** 20).fill(1)[5] === 1, 'never'),
  'writes elsewhere': (dir) => writeFileSync(join(dir, '..', 'stray'), ''),
  pollutes: () => Object.defineProperty(Object.prototype, 'polluted', { value: 1, configurable: true }),
  'is wrong': () => expect(false, 'a shape is wrong'),
  'does not foresee': (dir) => (dir as unknown as { no: { such: string } }).no.such,
  'leaves a rejection'() {
    Promise.reject(new Error('never handled'))
    return new Promise((resolve) => setTimeout(resolve, 10))
  },
  'prints control characters'() {
    throw new UserError('\u001b[2J')
  },
  'is fine'() {
    throw new UserError('refused')
  },
}

const FILE = 'file'

/** Readers that only a timeout reveals get a short one; the others get as much time as a busy machine may take. */
const SILENT = ['hangs', 'waits']
const SHORT_SECONDS = 0.5
export const LONG_SECONDS = 60

export const FORMATS: Record<string, () => Promise<Format>> = Object.fromEntries(
  Object.entries(MISDEEDS).map(([name, misdeed]) => [
    name,
    async () => ({
      name,
      inputs: 4,
      seconds: SILENT.includes(name) ? SHORT_SECONDS : LONG_SECONDS,
      prepare: () => ({
        sound: () => new Map([[FILE, Uint8Array.of(0)]]),
        harm(_, chance) {
          chance.note('harmed')
          return new Map([[FILE, Uint8Array.of(1)]])
        },
        async read({ files, dir }) {
          if (bytesOf(files, FILE)[0] === 1) await misdeed(dir)
        },
      }),
    }),
  ]),
)
