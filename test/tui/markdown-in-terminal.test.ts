import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal, type TerminalOptions } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/*
 * A real chat in a real terminal, whose model answers in Markdown.
 */

const test = suite('Markdown in a terminal')
const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

const QUESTION = 'Compare the two.'
const ANSWER = `## Result

It is **clear**: use \`sorted\`.

1. First, *one*
   - nested item
2. Second two

| Way | Speed |
|:----|------:|
| loop | 12 |
| \`sort\` | 3400 |

\`\`\`js
const list = 7
\`\`\`

~~No~~ more of it.`

const DRAWN = `Result
──────

It is clear: use sorted.

1. First, one
   ◦ nested item
2. Second two

Way  │ Speed
─────┼──────
loop │    12
sort │  3400

  js
  const list = 7

No more of it.`

async function withParrot(use: (path: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    await use(await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers: [{ to: QUESTION, says: ANSWER }] }))
  })
}

const startChat = (path: string, options: TerminalOptions = {}) =>
  PseudoTerminal.start({ rows: 50, args: ['bin/molm.js', 'chat', '-m', path, '-t', '1', '--pace', '200'], ...options })

/** The screen's lines, without blanks at their ends. */
const screenOf = (terminal: PseudoTerminal) => terminal.screen.text.map((line) => line.trimEnd()).join('\n')

trial('is drawn, wrapped again for another window, and as written once it is off', async () => {
  await withParrot(async (path) => {
    const terminal = await startChat(path)
    try {
      await terminal.waitFor(/write something/)
      await terminal.enter(QUESTION, /more of it\.\n.*woke/)
      assert.ok(screenOf(terminal).includes(DRAWN), screenOf(terminal))
      await terminal.resize(60, 50)
      await terminal.waitUntil(() => screenOf(terminal).includes(DRAWN), 'the drawing')
      await terminal.enter('/set markdown off', /set markdown off/)
      await terminal.waitFor(/^## Result$/m)
      assert.ok(screenOf(terminal).includes(ANSWER), screenOf(terminal))
      terminal.type('\x04')
      await terminal.ended()
    } finally {
      await terminal.close()
    }
  })
})

trial('is as written with TERM=dumb and in a pipe, and without styles keeps signs', async () => {
  await withParrot(async (path) => {
    const dumb = await startChat(path, { env: { TERM: 'dumb' } })
    try {
      await dumb.waitFor(/write something/)
      await dumb.enter(QUESTION, /more of it\.\n.*woke/)
      assert.ok(screenOf(dumb).includes(ANSWER), screenOf(dumb))
    } finally {
      await dumb.close()
    }
    const plain = await startChat(path, { env: { NO_COLOR: '1' } })
    try {
      await plain.waitFor(/write something/)
      await plain.enter(QUESTION, /more of it\.\n.*woke/)
      assert.match(screenOf(plain), /^It is clear: use `sorted`\.$/m)
      assert.match(screenOf(plain), /^│ js\n│ const list = 7\n\n~~No~~ more of it\.$/m)
      assert.not.match(plain.output, /\[1m|\[38;/)
    } finally {
      await plain.close()
    }
    const args = [repositoryPath('bin/molm.js'), 'run', '-m', path, '-t', '1', '--no-history', QUESTION]
    const run = promisify(execFile)(process.execPath, args)
    run.child.stdin?.end()
    const { stdout } = await run
    assert.is(stdout.trim(), ANSWER)
  })
})

test.run()
