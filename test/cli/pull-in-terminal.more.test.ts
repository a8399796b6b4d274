import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { withHub } from '../support/with-hub.js'

const REPO = 'org/model'
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip
const reason = HAS_PSEUDO_TERMINAL ? '' : ' (skipped: no `script` of util-linux here)'

/** Runs `use` with a command in a terminal. */
async function inTerminalOf(args: string[], use: (terminal: PseudoTerminal) => Promise<unknown>): Promise<void> {
  const env = { MOLM_HOME: process.env.MOLM_HOME }
  const terminal = await PseudoTerminal.start({ args: ['bin/molm.js', ...args], columns: 70, env })
  try {
    await use(terminal)
  } finally {
    await terminal.close()
  }
}

inTerminal(`list aligns its columns, with sizes in words${reason}`, async () => {
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
