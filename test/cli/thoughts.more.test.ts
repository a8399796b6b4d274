import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { conversationJson } from '#molm/chat/conversations/export-json.js'
import { HAS_PSEUDO_TERMINAL, withTerminal } from '../support/pseudo-terminal.js'
import { molm } from './molm.js'
import { MCP, SUM, thoughtsSuite } from './thinking-parrot.js'

const test = thoughtsSuite()
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

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
  const continued = ['run', '-c', '-t', '1', ...MCP, '--yes', 'add', SUM]
  const { code, stdout } = await molm(continued, { env: { MOLM_HOME: folder } })
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

inTerminal('a line counts the thoughts and goes, and a call is asked for', ({ parrot }) =>
  withTerminal({ args: ['bin/molm.js', ...parrot, ...MCP, SUM] }, async (terminal) => {
    await terminal.waitFor(/wants to call add \{"a":2,"b":3\}\n.*lways:/)
    await terminal.enter('y', /molm: add: 5\n.*It is 5\./)
    assert.is((await terminal.ended()).code, 0)
    const lines = terminal.output.split('\r\u001b[K')
    const counting = lines.filter((line) => /^thinking \.\.\. \d+ tokens?$/.test(line))
    assert.ok(counting.length > 0, terminal.output)
    assert.not.match(terminal.screen.text.join('\n'), /thinking/)
  }),
)

inTerminal('JSONL that a pipe brings back to the terminal has no status line before it', ({ parrot }) => {
  const command = `"${process.execPath}" bin/molm.js ${parrot.join(' ')} --jsonl Hi | cat`
  const script = `require("child_process").execSync(${JSON.stringify(command)}, { stdio: "inherit" })`
  return withTerminal({ args: ['-e', script] }, async (terminal) => {
    assert.is((await terminal.ended()).code, 0)
    assert.match(terminal.output, /finish_reason/)
    assert.not.match(terminal.output, /thinking \.\.\./)
  })
})

inTerminal('thoughts that are asked for are dim lines before the answer', ({ parrot }) =>
  withTerminal({ args: ['bin/molm.js', ...parrot, '--show-thinking', 'Hi'] }, async (terminal) => {
    assert.is((await terminal.ended()).code, 0)
    assert.equal(terminal.screen.text.slice(0, 2), ['A greeting, so I greet.', 'Hello! How are you?'])
    assert.ok(terminal.output.includes('\u001b[2mA greeting,'), JSON.stringify(terminal.output))
  }),
)

test.run()
