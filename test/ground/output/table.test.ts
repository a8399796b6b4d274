import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alignColumns } from '#molm/ground/output/table.js'

test('columns are aligned by the width of the characters in the terminal', () => {
  const table = alignColumns(
    [
      ['名前', '1', 'x'],
      ['name', '12', 'x'],
      ['é', '123', 'x'],
    ],
    [1],
  )
  assert.is(table, '  名前    1  x\n  name   12  x\n  é     123  x\n')
})

test.run()
