import { homedir } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tableOf } from '#molm/cli/commands/list.js'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import type { InstalledModel } from '#molm/index.js'

const test = suite('molm list in a terminal')

test('a long path is shortened at its beginning, so that no row is wider than the terminal', () => {
  const model = (name: string) => ({ name, path: '', bytes: 2e9, quant: 'q4', modified: new Date(0) }) as InstalledModel
  const long = `/data/${'日本語/'.repeat(20)}model-Q4_K_M.gguf`
  const table = (columns: number) => tableOf([model('nano'), model(`${homedir()}/a.gguf`), model(long)], columns)
  const [nano, inHome, cut] = table(80).split('\n')
  assert.ok(
    table(80)
      .split('\n')
      .every((line) => cellWidth(line) <= 80),
  )
  assert.match(nano, /^ {2}nano {2,}q4 {2}2\.00 GB {2}1970-01-01 {2}-$/)
  assert.match(inHome, /^ {2}~\/a\.gguf /)
  assert.match(cut, /^ {2}….*\/model-Q4_K_M\.gguf {2}q4/)
  assert.match(table(200), new RegExp(long))
  assert.match(table(20), /….*gguf {2}q4/, 'a narrow window still has the end of the name')
})

test.run()
