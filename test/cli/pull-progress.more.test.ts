import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { REPO, withHub } from '../support/with-hub.js'
import { inTerminalOf } from './served-model.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

inTerminal('a pull draws a bar no wider than the terminal, at most 10 times a second, and takes it away', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, '01-base-bin-f32')
    let drawn = 0
    // A large response drips until the bar has been drawn three times.
    async function drip(response: ServerResponse, bytes: Buffer): Promise<void> {
      let sent = 0
      for (; sent < bytes.length && drawn < 3; sent += 100) {
        response.write(bytes.subarray(sent, sent + 100))
        await setTimeout(25)
      }
      response.end(bytes.subarray(sent))
    }
    hub.fault = (_, response, bytes) => {
      if (bytes.length < 80_000) return false
      drip(response.setHeader('content-length', bytes.length), bytes)
      return true
    }
    const start = performance.now()
    await inTerminalOf(['pull', REPO, '-t', '1'], async (terminal) => {
      const redraws = () => terminal.output.split('\r\x1b[K').slice(1)
      for (; drawn < 3; drawn++) await terminal.waitUntil(() => redraws().length > drawn, `bar ${drawn + 1}`)
      assert.match(terminal.output, /fetching █*░+ \d+ % of 2\.\d+ MB/)
      assert.is((await terminal.ended()).code, 0)
      const most = 1 + (performance.now() - start) / 100
      assert.ok(redraws().length <= most + 1, `${redraws().length} redraws, at most ${most}`)
      for (const bar of redraws()) assert.ok(bar.split('\r\n')[0].length < 70, bar)
      const screen = terminal.screen.text.join('\n')
      assert.not.match(screen, /fetching/)
      assert.match(screen, /model-q4\.molm\.safetensors/)
    })
  })
})

test.run()
