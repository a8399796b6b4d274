#!/usr/bin/env node
import { headStart } from '../dist/cli/head-start.js'
import { end } from '../dist/cli/io/interrupt.js'
import { tooManyFiles } from '../dist/cli/io/open-files.js'
import { setFlagsForGood } from '../dist/kernels/compiler/compile.js'

const args = process.argv.slice(2)
// Before other imports, which may compile WebAssembly.
setFlagsForGood()
headStart(args)

try {
  const { main } = await import('../dist/program.js')
  await main(args)
} catch (error) {
  const message = tooManyFiles(error)
  if (!message) throw error
  process.stderr.write(`molm: ${message}\n`)
  process.exitCode = 1
}
await end()
