#!/usr/bin/env node
import { headStart } from '../dist/cli/head-start.js'
import { prepareV8 } from '../dist/runtime/v8-flags.js'

const args = process.argv.slice(2)
// Before anything else is imported: V8 reads its flags when it meets the first WebAssembly module.
prepareV8()
headStart(args)

const { main } = await import('../dist/cli/program.js')
await main(args)
