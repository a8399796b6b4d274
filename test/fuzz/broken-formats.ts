import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '#molm/ground/errors.js'
import { bytesOf } from './files.js'
import { expect, type Format } from './format.js'

/*
 * Broken readers for the supervisor's test: each commits one fault that molm must never commit.
 */

type Misdeed = (dir: string) => unknown

/** Misdeeds, each with the fault that the supervisor must report. */
export const MISDEEDS: Record<string, [Misdeed, RegExp?]> = {
  hangs: [
    () => {
      for (;;);
    },
    /^no answer within 0.5 s$/,
  ],
  waits: [() => new Promise(() => setInterval(() => {}, 1000)), /^no answer within 0.5 s$/],
  'never settles': [() => new Promise(() => {}), /^no answer, and nothing pending$/],
  aborts: [() => process.abort(), /^the process ended with SIGABRT/],
  'exhausts the heap': [
    () => {
      for (const all: number[][] = []; ; ) all.push(new Array(1000).fill(all.length))
    },
    /heap out of memory/,
  ],
  'takes memory': [() => expect(new Uint8Array(400 * 2 ** 20).fill(1)[5] === 1, 'never'), /^took 4\d\d MB of memory$/],
  'writes elsewhere': [
    (dir) => writeFileSync(join(dir, '..', 'stray'), ''),
    /^wrote outside its folder: writeFile .*stray$/,
  ],
  pollutes: [
    () => Object.defineProperty(Object.prototype, 'polluted', { value: 1, configurable: true }),
    /^the number of properties of a prototype changed$/,
  ],
  'is wrong': [() => expect(false, 'a shape is wrong'), /^accepted, but a shape is wrong$/],
  'does not foresee': [(dir) => (dir as unknown as { no: { such: string } }).no.such, /^unexpected: TypeError/],
  'leaves a rejection': [
    () => {
      Promise.reject(new Error('never handled'))
      return new Promise((resolve) => setTimeout(resolve, 10))
    },
    /^unhandled rejection: Error: never handled/,
  ],
  'prints control characters': [
    () => {
      throw Object.assign(new UserError(''), { message: '\u001b[2J' })
    },
    /^message with control characters/,
  ],
  'is fine': [
    () => {
      throw new UserError('refused')
    },
  ],
}

/** Readers that only a timeout reveals get a short one; the others get as much time as a busy machine may take. */
const secondsOf = (name: string) => (['hangs', 'waits'].includes(name) ? 0.5 : 60)

export const FORMATS: Record<string, () => Promise<Format>> = Object.fromEntries(
  Object.entries(MISDEEDS).map(([name, [misdeed]]) => [
    name,
    async () => ({
      name,
      inputs: 4,
      seconds: secondsOf(name),
      prepare: () => ({
        sound: () => new Map([['file', Uint8Array.of(0)]]),
        harm(_, chance) {
          chance.note('harmed')
          return new Map([['file', Uint8Array.of(1)]])
        },
        async read({ files, dir }) {
          if (bytesOf(files, 'file')[0] === 1) await misdeed(dir)
        },
      }),
    }),
  ]),
)
