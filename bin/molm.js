#!/usr/bin/env node
import { headStart } from '../dist/cli/head-start.js'
import { setFlagsForGood } from '../dist/runtime/compile.js'

const args = process.argv.slice(2)
// Before anything else is imported, since that may compile WebAssembly.
setFlagsForGood()
headStart(args)

const { main } = await import('../dist/cli/program.js')
await main(args)
