import { join } from 'node:path'
import { InputHistory } from '#molm/terminal/input/history.js'
import { expect, type Format } from '../format.js'
import { jsonLines } from '../harm-json.js'

const FILE = 'history'

/** Input history of earlier conversations: one JSON string per line. */
export const history: Format = {
  name: 'history',
  inputs: 2000,
  prepare: () => ({
    onDisk: true,
    mayWrite: (dir) => [dir],
    ...jsonLines(FILE, (chance) => Array.from({ length: 1 + chance.size(1200) }, (_, i) => `line ${i}`)),
    async read({ dir }) {
      const history = await InputHistory.open(join(dir, FILE))
      await history.add('the newest')
      expect(history.older('') === 'the newest', 'the newest line is not the first to come back')
      for (let i = 0; i < 5; i++) expect(typeof (history.older('') ?? '') === 'string', 'a line is no text')
    },
  }),
}
