import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { conversationJson } from '#molm/chat/conversations/export-json.js'
import { writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { molm } from './molm.js'

/*
 * Runs of a model that thinks and calls tools.
 */

const SERVER = fileURLToPath(new URL('../support/mcp-server.js', import.meta.url))
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

test('-c keeps thoughts, calls and their results, which --messages reads when exported', async ({ folder, parrot }) => {
  const conversations = Conversations.at(join(folder, 'conversations'))
  const state = {
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello! How are you?', thinking: 'A greeting, so I greet.' },
    ],
    system: '',
    model: parrot[2],
  }
  const conversation = conversations.begin(state)
  await conversation.keep(state)
  await conversation.close()
  const mcp = ['run', '-c', '-t', '1', '--mcp', `${process.execPath} ${SERVER}`, '--yes', 'add']
  const { code, stdout } = await molm([...mcp, SUM], { env: { MOLM_HOME: folder } })
  assert.equal([code, stdout], [0, 'Let me see.\nIt is 5.\n'])
  const [info] = await conversations.list()
  const kept = await conversations.stateOf(info)
  const calls = kept.messages[3].toolCalls ?? []
  assert.equal(kept.messages, [
    ...state.messages,
    { role: 'user', content: SUM },
    {
      role: 'assistant',
      content: 'Let me see.',
      thinking: 'The tool knows.',
      toolCalls: [{ id: calls[0]?.id, name: 'add', arguments: { a: 2, b: 3 } }],
    },
    { role: 'tool', content: '5', toolCallId: calls[0]?.id, name: 'add' },
    { role: 'assistant', content: 'It is 5.', thinking: 'It has answered.' },
  ])
  const file = join(folder, 'exported.json')
  await writeFile(file, conversationJson(kept))
  assert.is((await molm([...parrot, '--messages', file, 'Hi'])).stdout, 'Hello! How are you?\n')
})

inTerminal(`a line counts the thoughts and goes, and a call is asked for${reason}`, async ({ parrot }) => {
  const args = ['bin/molm.js', ...parrot, '--mcp', `${process.execPath} ${SERVER}`, SUM]
  const terminal = await PseudoTerminal.start({ args })
  try {
    await terminal.waitFor(/wants to call add \{"a":2,"b":3\}\n.*lways:/)
    await terminal.enter('y', /molm: add: 5\n.*It is 5\./)
    assert.is((await terminal.ended()).code, 0)
    const lines = terminal.output.split('\r\u001b[K')
    assert.ok(
      lines.some((line) => /^thinking \.\.\. \d+ tokens?$/.test(line)),
      terminal.output,
    )
    assert.not.match(terminal.screen.text.join('\n'), /thinking/)
  } finally {
    await terminal.close()
  }
})

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
