import { join } from 'node:path'
import { InputHistory } from '#molm/tui/input/history.js'
import { bytesOf, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { hostileValue } from '../harm-json.js'

const FILE = 'history'

/** Input history of earlier conversations: one JSON string per line. */
export const history: Format = {
  name: 'history',
  inputs: 2000,
  prepare: () => ({
    onDisk: true,
    mayWrite: (dir) => [dir],
    sound: (chance) => new Map([[FILE, utf8(lines(chance.size(1200), (i) => `line ${i}`))]]),

    harm(files, chance) {
      if (chance.oneIn(2)) return new Map([[FILE, harmBytes(bytesOf(files, FILE), chance)]])
      chance.note('history: lines of all kinds')
      return new Map([[FILE, utf8(lines(chance.size(50), () => hostileValue(chance)))]])
    },

    async read({ dir }) {
      const history = await InputHistory.open(join(dir, FILE))
      await history.add('the newest')
      expect(history.older('') === 'the newest', 'the newest line is not the first to come back')
      for (let i = 0; i < 5; i++) expect(typeof (history.older('') ?? '') === 'string', 'a line is no text')
    },
  }),
}

function lines(count: number, line: (i: number) => unknown): string {
  return Array.from({ length: count }, (_, i) => `${JSON.stringify(line(i))}\n`).join('')
}
