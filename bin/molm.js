#!/usr/bin/env node
import { prepareV8 } from '../dist/runtime/v8-flags.js'

// Before anything else is imported: V8 reads its flags when it meets the first WebAssembly module.
prepareV8()

const { main } = await import('../dist/cli/program.js')
await main(process.argv.slice(2))
