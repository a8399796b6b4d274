import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CellPainter } from '#molm/terminal/map/cell-painter.js'
import { mapLines } from '#molm/terminal/map/lines.js'
import { TokenMap } from '#molm/terminal/map/token-map.js'

const NEWCOMERS = [[], [8, 9]]

function drawn(newExperts?: number[][]): string[] {
  const mixtures = [
    { kind: 'attention' as const, experts: [8, 8], topK: 2 },
    { kind: 'mlp' as const, experts: [8, 10], topK: 2, ...(newExperts && { newExperts }) },
  ]
  const map = new TokenMap({ layers: 2, mixtures })
  const options = { fades: false, isStreaming: false, keys: [] }
  return mapLines(map, { width: 100, height: 12 }, new CellPainter('none'), options)
}

test('the map marks experts that teaching added, and explains the mark', () => {
  const lines = drawn(NEWCOMERS)
  assert.ok(
    lines.some((line) => /0 .*4 .* 0 .*4 .*\+.*\+/.test(line)),
    lines.join('\n'),
  )
  assert.ok(
    lines.some((line) => line.includes('+ newcomer')),
    lines.join('\n'),
  )
})

test('a model without such experts has no marks', () => {
  assert.not.match(drawn().join('\n'), /\+/)
})

test.run()
