import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { InputHistory } from '#molm/terminal/input/history.js'
import { LANTERN } from '../support/lantern.js'
import { writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { askInTerminal, assertEnds, CHAT, ENDLESS, inTerminalChat } from '../support/terminal-chat.js'
import { until } from '../support/until.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

/** Keeps a conversation, as an earlier chat would. */
async function keep(home: string, contents: readonly string[], name?: string, model = 'nano'): Promise<void> {
  const messages = contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }))
  const conversation = Conversations.at(join(home, 'conversations')).begin({ messages: [], system: '', model })
  await conversation.keep({ messages, system: '', model })
  if (name !== undefined) await conversation.rename(name)
  await conversation.close()
}

/** Contents of all kept conversations; of long ones only the beginning. */
async function kept(home: string): Promise<string[][]> {
  const conversations = Conversations.at(join(home, 'conversations'))
  const states = await Promise.all((await conversations.list()).map((info) => conversations.stateOf(info)))
  return states.map(({ messages }) => messages.map(({ content }) => content.slice(0, 60)))
}

trial('a kept conversation is shown and continued, without colours, and Ctrl-C twice leaves it', async () => {
  await inTemporaryFolder(async (home) => {
    const turns = [LANTERN.question, LANTERN.answer]
    await keep(home, turns, 'lanterns')
    await (await InputHistory.open(join(home, 'chat-history.jsonl'))).add('/set top-k 7')
    const args = [...CHAT, '--resume', 'lan', 'What is 23 + 45?']
    await inTerminalChat({ args, env: { MOLM_HOME: home, NO_COLOR: '1' } }, async (terminal) => {
      await terminal.waitFor(/› What is 23[\s\S]*68[\s\S]*experts woke/)
      const { everything } = terminal.screen
      assert.match(
        everything,
        /resumed lanterns: 2 messages\n\n› What is a lantern\?\n\nA lantern is .*\n\n› What is 23/,
      )
      await terminal.waitFor(/^ +5 [·░▒▓█ ]{16} {2}[·░▒▓█ ]{30,}$/m)
      assert.not.ok(terminal.output.includes('[38;'), 'shades, and no colours')
      terminal.type('\x1b[D')
      await terminal.waitFor(/experts of token \d+ of \d+/)
      terminal.type('\x1b')
      await terminal.waitFor(/experts of the last token/)
      terminal.type('\x1b[A\x1b[A')
      await terminal.waitFor(/› \/set top-k 7/)
      await keep(home, ['A later conversation'])
      terminal.type('\x03')
      await terminal.waitFor(/^› *\nCtrl-C again leaves/m)
      terminal.type('\x03')
      await assertEnds(terminal, 130)
      assert.match(terminal.screen.everything, /^kept; molm chat --resume lanterns continues$/m)
    })
    assert.equal((await kept(home)).at(-1), [...turns, 'What is 23 + 45?', '23 + 45 = 68'])
  })
})

trial('without history nothing is kept, and SIGTERM ends an open editor and removes its file', async () => {
  await inTemporaryFolder(async (folder) => {
    const [home, temporary, editor] = ['home', 'temporary', 'editor'].map((name) => join(folder, name))
    for (const dir of [home, temporary]) await mkdir(dir)
    await writeFile(editor, '#!/bin/sh\necho ready; sleep 60 & wait\n')
    await chmod(editor, 0o700)
    const env = { MOLM_HOME: home, TMPDIR: temporary, VISUAL: editor }
    await inTerminalChat({ args: [...CHAT, '--no-history'], env }, async (terminal) => {
      await askInTerminal(terminal, LANTERN.question)
      await terminal.enter('/help keys', /None of your input is kept/)
      terminal.type('secret\x18\x05')
      await terminal.waitFor(/^ready/m)
      process.kill(terminal.program, 'SIGTERM')
      await assertEnds(terminal, 143)
      assert.not.match(terminal.screen.everything, /kept as/)
      assert.is(spawnSync('pgrep', ['-f', temporary]).status, 1, 'the editor has ended')
    })
    assert.equal([await readdir(temporary), await readdir(home)], [[], []])
  })
})

trial('a terminal that only takes lines shows the conversation and answers as they are', async () => {
  await inTemporaryFolder(async (home) => {
    const answer = '## Result\n\nIt is **clear**: use `sorted`.\n\n| Way | Speed |\n|:----|------:|\n| loop | 12 |'
    const model = await writeParrot(join(home, 'parrot'), { format: 'qwen3', answers: [{ says: answer }] })
    await keep(home, [LANTERN.question, LANTERN.answer], undefined, model)
    const args = ['bin/molm.js', 'chat', '-t', '1', '-c']
    await inTerminalChat({ args, env: { TERM: 'dumb', MOLM_HOME: home } }, async (terminal) => {
      const lines = () => terminal.screen.text.map((line) => line.trimEnd().replace(/\d{8}-\S+(?=:)/, 'ID'))
      await terminal.waitFor(/^> ?$/m)
      const before = [
        'parrot, q4: write something, or /help',
        'resumed ID: 2 messages',
        `> ${LANTERN.question}`,
        LANTERN.answer,
      ]
      assert.equal(lines(), [...before, '>'])
      await terminal.enter('Which?', /\| loop.*\n.*experts woke[\s\S]*^> ?$/m)
      assert.equal(lines().slice(4, -2), ['> Which?', ...answer.split('\n')])
      await terminal.enter('/nothing', /^! there is no command \/nothing/m)
      await terminal.enter('/help', /^\/set \[option\] +e\.g\. \/set top-k 20/m)
      terminal.type('\x04')
      assert.is((await terminal.ended()).code, 0)
      assert.not.ok(terminal.output.includes('\x1b'), 'no escape sequences')
    })
  })
})

trial('a window that is closed during an answer loses nothing of it', async () => {
  await inTemporaryFolder(async (home) => {
    let program = 0
    await inTerminalChat({ args: ENDLESS, env: { MOLM_HOME: home } }, async (terminal) => {
      await terminal.enter(
        'Once upon a time',
        /experts of the newest token[\s\S]* answering .*context (?:[5-9]\d|\d{3,})/,
      )
      program = terminal.program
    })
    const runs = () => spawnSync('ps', ['-p', String(program)]).status === 0
    await until(() => !runs(), 'the end of the program')
    const [[question, answer]] = await kept(home)
    assert.is(question, 'Once upon a time')
    assert.ok(answer.length > 0)
    assert.not.ok((await readdir(join(home, 'conversations'))).some((name) => name.includes('lock')))
  })
})

test.run()
