import { spawnSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal, type TerminalOptions } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

const CHAT = ['bin/molm.js', 'chat', '--temperature', '0']
const ENDLESS = [...CHAT.slice(0, 2), '-m', fixturePath('01-base-bin-f32'), '-n', '1000000', '--ignore-eos']
/** An answer of ENDLESS that has some dozens of tokens so far. */
const MIDWAY = /experts of the newest token[\s\S]* answering .*context (?:[5-9]\d|\d{3,})/

/** Runs a chat in a terminal, with its files in `home`. */
async function chatIn(
  home: string,
  options: TerminalOptions,
  use: (terminal: PseudoTerminal) => Promise<void>,
): Promise<PseudoTerminal> {
  const terminal = await PseudoTerminal.start({ args: CHAT, ...options, env: { MOLM_HOME: home, ...options.env } })
  try {
    await terminal.waitUntil(() => terminal.screen.everything.includes('write something'), 'the first line')
    await use(terminal)
  } finally {
    await terminal.close()
  }
  return terminal
}

/** Roles and contents in the kept conversations; of long ones only the beginning. */
async function kept(home: string): Promise<string[][]> {
  const folder = join(home, 'conversations')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  const whole = texts.map((text) => text.slice(0, text.lastIndexOf('\n')).split('\n').slice(1))
  return whole.map((lines) =>
    lines.map((line) => JSON.parse(line)).map(({ role, content }) => `${role} ${content}`.slice(0, 40)),
  )
}

const LANTERN = ['user What is a lantern?', 'assistant A lantern is a light inside a']

trial('a chat is kept, says so on leaving, and continues with its cache', async () => {
  await inTemporaryFolder(async (home) => {
    let context = ''
    const contextOf = ({ screen }: PseudoTerminal) => /context \d+/.exec(screen.text.join('\n'))?.[0] ?? ''
    const first = await chatIn(home, {}, async (terminal) => {
      await terminal.enter('What is a lantern?', /can be carried[\s\S]*tok\/s/)
      await terminal.waitFor(/experts woke;[\s\S]*context [1-9]/)
      context = contextOf(terminal)
      terminal.type('\x04')
      assert.is((await terminal.ended()).code, 0)
    })
    assert.match(first.screen.everything, /^kept as \d{8}-\S+; molm chat -c continues$/m)
    const files = await readdir(join(home, 'conversations'))
    assert.equal(files.map((name) => name.replace(/^[^.]*/, '')).sort(), ['.cache', '.jsonl'])

    await chatIn(home, { args: [...CHAT, '-c', 'What is 23 + 45?'] }, async (terminal) => {
      await terminal.waitFor(/› What is 23[\s\S]*68[\s\S]*experts woke/)
      const { everything } = terminal.screen
      assert.match(everything, /resumed \S+: 2 messages\n\n› What is a lantern\?\n\nA lantern is .*\n\n› What is 23/)
      terminal.type('\x03')
      terminal.type('\x03')
      assert.is((await terminal.ended()).code, 130)
      assert.match(terminal.screen.everything, /molm chat -c continues$/m)
    })
    const [lines] = await kept(home)
    assert.equal(
      lines.slice(0, 2).map((line) => line.slice(0, 33)),
      LANTERN.map((line) => line.slice(0, 33)),
    )
    assert.equal(lines.slice(2), ['user What is 23 + 45?', 'assistant 23 + 45 = 68'])
    assert.match(context, /context [1-9]\d/)
    await chatIn(home, { args: [...CHAT, '-c'] }, async (terminal) => {
      await terminal.waitFor(/experts of the last token[\s\S]*walk over the tokens/)
      terminal.type('\x1b[D')
      await terminal.waitFor(/Esc ends|↑ ↓/)
    })
  })
})

trial('the line on leaving names a conversation that is not the latest one', async () => {
  await inTemporaryFolder(async (home) => {
    const { screen } = await chatIn(home, {}, async (terminal) => {
      for (const question of ['What is a lantern?', 'What is a ship?']) {
        await terminal.enter(question, /context [1-9]\d*.*\/help/)
        await terminal.enter('/reset', /begins again\n\n[\s\S]*context 0/)
      }
      await terminal.enter('/resume 2', /resumed \S+: 2 messages/)
      await terminal.enter('/rename lanterns', /this conversation is lanterns now/)
      await terminal.enter('/resume 1', /› What is a ship\?\n\nA ship[\s\S]*walk over/)
      terminal.type('\x04')
      await terminal.ended()
    })
    assert.match(screen.everything, /^kept; molm chat --resume \d{8}-\S+ continues$/m)
    assert.ok(screen.text.every((line) => line.length < 80))
  })
})

trial('a chat without history and one without a question leave no line and no file', async () => {
  await inTemporaryFolder(async (home) => {
    for (const [args, question] of [
      [[...CHAT, '--no-history'], 'What is a lantern?'],
      [CHAT, ''],
    ] as const) {
      const { screen } = await chatIn(home, { args: [...args] }, async (terminal) => {
        if (question !== '') await terminal.enter(question, /can be carried[\s\S]*tok\/s/)
        terminal.type('\x04')
        assert.is((await terminal.ended()).code, 0)
      })
      assert.not.match(screen.everything, /kept as/)
    }
    assert.not.ok((await readdir(home)).includes('conversations'))
  })
})

trial('leaving during an answer shows what it has so far, and keeps it', async () => {
  await inTemporaryFolder(async (home) => {
    const { screen } = await chatIn(home, { args: [...CHAT, '--pace', '2'] }, async (terminal) => {
      await terminal.enter('What is a lantern?', /A lantern is/)
      terminal.type('\x04')
      assert.is((await terminal.ended()).code, 0)
    })
    assert.match(screen.everything, /A lantern is[\s\S]*interrupted: \/continue resumes it[\s\S]*kept as/)
    assert.match((await kept(home))[0][1], /^assistant A lantern is/)
  })
})

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
] as const) {
  trial(`${signal} keeps what an answer has so far, and frees the conversation`, async () => {
    await inTemporaryFolder(async (home) => {
      await chatIn(home, { args: ENDLESS }, async (terminal) => {
        await terminal.enter('Once upon a time', MIDWAY)
        process.kill(terminal.program, signal)
        const ended = await terminal.ended()
        assert.is(ended.code, code)
        assert.match(ended.settings, /(^|\s)icanon/)
      })
      const [[question, answer]] = await kept(home)
      assert.is(question, 'user Once upon a time')
      assert.ok(answer.length > 'assistant '.length, answer)
      assert.not.ok((await readdir(join(home, 'conversations'))).some((name) => name.includes('lock')))
    })
  })
}

trial('a window that is closed during an answer loses nothing of it', async () => {
  await inTemporaryFolder(async (home) => {
    let program = 0
    await chatIn(home, { args: ENDLESS }, async (terminal) => {
      await terminal.enter('Once upon a time', MIDWAY)
      program = terminal.program
    })
    const runs = () => spawnSync('ps', ['-p', String(program)]).status === 0
    await until(() => !runs(), 'the end of the program')
    const [[question, answer]] = await kept(home)
    assert.is(question, 'user Once upon a time')
    assert.ok(answer.length > 'assistant '.length, answer)
    assert.not.ok((await readdir(join(home, 'conversations'))).some((name) => name.includes('lock')))
  })
})

trial('a resumed conversation is shown in a terminal that only takes lines', async () => {
  await inTemporaryFolder(async (home) => {
    const env = { TERM: 'dumb' }
    await chatIn(home, { env }, async (terminal) => {
      await terminal.enter('What is a lantern?', /can be carried[\s\S]*\n>/)
      terminal.type('\x04')
      await terminal.ended()
    })
    await chatIn(home, { env, args: [...CHAT, '-c'] }, async (terminal) => {
      await terminal.waitFor(/^> ?$/m)
      const lines = terminal.screen.text.map((line) => line.trimEnd().replace(/\d{8}-\S+(?=:)/, 'ID'))
      assert.equal(lines, [
        'nano, q4: write something, or /help',
        'resumed ID: 2 messages',
        '> What is a lantern?',
        'A lantern is a light inside a case that can be carried.',
        '>',
      ])
    })
  })
})

trial('after a kill in the middle of an answer, all earlier turns and the question are there', async () => {
  await inTemporaryFolder(async (home) => {
    await chatIn(home, { args: ENDLESS }, async (terminal) => {
      await terminal.enter('/set max-tokens 5', /set max-tokens 5/)
      await terminal.enter('One', /cut at 5 tokens/)
      await terminal.enter('/set max-tokens 100000', /max-tokens 100000/)
      await terminal.enter('Two', MIDWAY)
      await until(async () => (await kept(home))[0].length === 3, 'the question in the file')
      process.kill(terminal.program, 'SIGKILL')
      await terminal.ended()
    })
    const [lines] = await kept(home)
    assert.equal([lines.length, lines[0], lines[2]], [3, 'user One', 'user Two'])
    await chatIn(home, { args: [...ENDLESS, '-c'] }, async (terminal) => {
      await terminal.waitUntil(() => /resumed \S+: 3 messages/.test(terminal.screen.everything), 'the conversation')
      assert.not.match(terminal.screen.everything, /a copy of/)
    })
  })
})

test.run()
