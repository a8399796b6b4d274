import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { until } from '../support/until.js'
import { REPO, withHub } from '../support/with-hub.js'
import { inTerminalOf } from './served-model.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

inTerminal('a pull draws a bar no wider than the terminal, at most 10 times a second, and takes it away', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, '01-base-bin-f32')
    let isShown = false
    // The largest tensors wait for the bar, and the others are slow enough for several redraws.
    hub.fault = (_, response, bytes) => {
      setTimeout(async () => {
        if (bytes.length > 80_000) await until(() => isShown, 'the bar')
        response.setHeader('content-length', bytes.length).end(bytes)
      }, 25)
      return true
    }
    const start = performance.now()
    await inTerminalOf(['pull', REPO, '-t', '1'], async (terminal) => {
      await terminal.waitFor(/fetching █*░+ \d+ % of 2\.\d+ MB/)
      isShown = true
      assert.is((await terminal.ended()).code, 0)
      const bars = terminal.output.split('\r\x1b[K').slice(1)
      const most = 1 + (performance.now() - start) / 100
      assert.ok(bars.length > 2 && bars.length <= most + 1, `${bars.length} redraws, at most ${most}`)
      for (const bar of bars) assert.ok(bar.split('\r\n')[0].length < 70, bar)
      const screen = terminal.screen.text.join('\n')
      assert.not.match(screen, /fetching/)
      assert.match(screen, /model-q4\.molm\.safetensors/)
    })
  })
})

test.run()
