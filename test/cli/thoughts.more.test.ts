import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'

const SUM = 'What is 2 + 3?'
const CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'
const ANSWERS = [
  { says: '<think>\nA greeting, so I greet.\n</think>\n\nHello! How are you?' },
  { to: SUM, says: `<think>\nThe tool knows.\n</think>\n\nLet me see.\n${CALL}` },
  { toTool: true, says: '<think>\nIt has answered.\n</think>\n\nIt is 5.' },
] as const

const test = suite<{ folder: string; parrot: string[] }>('thoughts and tools in molm run')
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip
const reason = HAS_PSEUDO_TERMINAL ? '' : ' (skipped: no `script` of util-linux here)'

test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'molm-thoughts-'))
  const path = await writeParrot(join(context.folder, 'parrot'), { format: 'qwen3', answers: [...ANSWERS] })
  context.parrot = ['run', '-m', path, '-t', '1']
})

test.after(({ folder }) => rm(folder, { recursive: true, force: true }))

inTerminal(
  `JSONL that a pipe brings back to the terminal has no status line before it${reason}`,
  async ({ parrot }) => {
    const command = `"${process.execPath}" bin/molm.js ${parrot.join(' ')} --jsonl Hi | cat`
    const script = `require("child_process").execSync(${JSON.stringify(command)}, { stdio: "inherit" })`
    const terminal = await PseudoTerminal.start({ args: ['-e', script] })
    try {
      assert.is((await terminal.ended()).code, 0)
      assert.match(terminal.output, /finish_reason/)
      assert.not.match(terminal.output, /thinking \.\.\./)
    } finally {
      await terminal.close()
    }
  },
)

inTerminal(`thoughts that are asked for are dim lines before the answer${reason}`, async ({ parrot }) => {
  const terminal = await PseudoTerminal.start({ args: ['bin/molm.js', ...parrot, '--show-thinking', 'Hi'] })
  try {
    assert.is((await terminal.ended()).code, 0)
    assert.equal(terminal.screen.text.slice(0, 2), ['A greeting, so I greet.', 'Hello! How are you?'])
    assert.ok(terminal.output.includes('\u001b[2mA greeting,'), JSON.stringify(terminal.output))
  } finally {
    await terminal.close()
  }
})

test.run()
