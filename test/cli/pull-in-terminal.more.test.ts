import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { REPO, withHub } from '../support/with-hub.js'
import { inTerminalOf } from './served-model.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

inTerminal('list aligns its columns, with sizes in words', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, '02-base-safetensors-f32')
    await inTerminalOf(['list'], async (terminal) => {
      await terminal.ended()
      assert.match(terminal.screen.text.join('\n'), / nano {2}built-in {2}\d+\.\d MB {2}-.*no models pulled yet/s)
    })
    await inTerminalOf(['pull', REPO], (terminal) => terminal.ended())
    await inTerminalOf(['list'], async (terminal) => {
      await terminal.ended()
      assert.match(terminal.screen.text.join('\n'), /org\/model {2}q4 +\d+ kB {2}\d{4}-\d\d-\d\d {2}aaaaaaa/)
    })
  })
})

test.run()
