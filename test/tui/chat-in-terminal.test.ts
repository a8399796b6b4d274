import { spawnSync } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal, type TerminalOptions } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

async function inTerminal(options: TerminalOptions, use: (terminal: PseudoTerminal) => Promise<void>): Promise<void> {
  const terminal = await PseudoTerminal.start(options)
  try {
    // A loaded conversation may have moved it into the scrollback.
    await terminal.waitUntil(() => terminal.screen.everything.includes('write something'), 'the first line')
    await use(terminal)
  } finally {
    await terminal.close()
  }
}

/** Asserts that the terminal is in the mode of a shell, and that nothing on it was cleared. */
function assertRestored({ screen }: PseudoTerminal, settings: string): void {
  assert.match(settings, /(^|\s)icanon/, 'canonical mode')
  assert.match(settings, /(^|\s)echo\s/, 'echo')
  assert.ok(screen.cursorVisible, 'cursor')
  assert.not.ok(screen.takesPastes, 'bracketed paste')
  assert.is(screen.fullClears, 0, 'full clears')
}

function occurrences(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

const [LANTERN, SUM] = ['What is a lantern?', 'What is 23 + 45?']

/** Asks, and waits for the end of the answer: before that, no other question runs, and a frame may be on its way. */
async function ask(terminal: PseudoTerminal, question: string): Promise<void> {
  const answered = () => {
    const parts = terminal.screen.everything.split(`› ${question}`).slice(1)
    return parts.filter((part) => /^\s*\n *\n\S/.test(part) && !/^\s*(experts|nano q4|›)/.test(part)).length
  }
  const before = answered()
  terminal.type(`${question}\r`)
  const isIdle = () => !/ · (answering|reading)/.test(terminal.screen.text.join('\n'))
  await terminal.waitUntil(() => answered() > before && isIdle(), question)
}

trial('a conversation goes into the scrollback whole and once, and ends with Ctrl-D', async () => {
  await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0'] }, async (terminal) => {
    await ask(terminal, LANTERN)
    await terminal.waitFor(/^\d+ of 192 experts woke; \d+ of them did half of the work$/m)
    await ask(terminal, SUM)
    await terminal.enter('/stats', /tokens in the cache/)
    await terminal.enter('/help', /^\/edit \[text\] +write in your editor +\/exit +leave$/m)
    await terminal.enter('/help experts', /\/without SPEC +answer again without/)
    await terminal.waitFor(/^› +$|^›$/m)
    terminal.type('\x04')
    const { code, settings } = await terminal.ended()
    assert.is(code, 0)
    assertRestored(terminal, settings)
    const { everything } = terminal.screen
    for (const line of [/^› What is a lantern\?$/gm, /^› What is 23 \+ 45\?$/gm, /tokens in the cache/g]) {
      assert.is(occurrences(everything, line), 1, String(line))
    }
    assert.is(occurrences(everything, /experts of the last/g), 0, 'the live area leaves nothing behind')
  })
})

trial('the screen is drawn on a terminal for every value of CI', async () => {
  await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0'], env: { CI: 'true' } }, async (terminal) => {
    await ask(terminal, SUM)
    await terminal.waitFor(/experts of the (newest|last) token/)
  })
})

trial('Ctrl-C stops the answer, and twice it leaves with 130', async () => {
  const endless = ['-m', fixturePath('01-base-bin-f32'), '-n', '1000000', '--ignore-eos']
  await inTerminal({ args: ['bin/molm.js', 'chat', ...endless] }, async (terminal) => {
    terminal.type('Once upon a time\r')
    await terminal.waitFor(/answering/)
    await terminal.waitFor(/experts of the newest token/)
    terminal.type('\x03')
    await terminal.waitUntil(() => !/answering/.test(terminal.screen.text.join('\n')), 'the end of the answer')
    terminal.type('\x03')
    await terminal.waitFor(/Ctrl-C again leaves/)
    terminal.type('\x03')
    const { code, settings } = await terminal.ended()
    assert.is(code, 130)
    assertRestored(terminal, settings)
  })
})

trial('the live area fits every window, and resizing keeps the scrollback', async () => {
  await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0'] }, async (terminal) => {
    await ask(terminal, LANTERN)
    for (const [columns, rows] of [
      [60, 20],
      [40, 12],
      [132, 43],
      [40, 12],
      [80, 24],
    ]) {
      await terminal.resize(columns, rows)
      await ask(terminal, SUM)
      await terminal.enter('/reset', /begins again/)
      await terminal.waitFor(/a row is a layer|a row per token/)
      assert.ok(terminal.screen.text.every((line) => line.length <= columns))
    }
    terminal.type('\x04')
    const { settings } = await terminal.ended()
    assertRestored(terminal, settings)
    assert.ok(occurrences(terminal.screen.everything, /^› What is a lantern/gm) >= 1)
    assert.ok(occurrences(terminal.screen.everything, /^› What is 23/gm) >= 5)
  })
})

trial('a pasted text of several lines waits to be sent', async () => {
  await inTerminal({}, async (terminal) => {
    terminal.type('\x1b[200~one\rtwo\rthree\x1b[201~')
    await terminal.waitFor(/› one\n {2}two\n {2}three/)
    // Not Alt-Enter: its two bytes may arrive too far apart here to be one key.
    terminal.type('\\\rfour\\\r')
    await terminal.waitFor(/ {2}three\n {2}four\n/)
    assert.not.match(terminal.screen.everything, /^› one$[\s\S]*answering/m)
    terminal.type('\x03\x04')
    assert.is((await terminal.ended()).code, 0)
  })
})

trial('each slash command does what it says', async () => {
  await inTemporaryFolder(async (dir) => {
    await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0'], rows: 40 }, async (terminal) => {
      await ask(terminal, LANTERN)
      await terminal.enter('/map', /share of the answers' \d+ tokens/)
      await terminal.enter('/map layer 5', /layer 5 of 6 · a row per token/)
      await terminal.enter('/map off', /KB|MB weights · \/help/)
      await terminal.enter('/map newest', /experts of the last token/)
      await terminal.enter('/map sideways', /! \/map takes newest/)
      await terminal.enter('/experts', / 5 {2}mlp +e\d+ +\d+ %/)
      await terminal.enter('/system You are brief.', /system text: You are brief\./)
      await terminal.enter('/set', /top-k 40/)
      await terminal.enter('/set temperature hot', /! temperature must be/)
      await terminal.enter('/system off', /no system text/)
      await terminal.enter(`/save ${dir}/talk`, /saved in/)
      await terminal.enter(`/save ${dir}/talk`, /talk exists already; \/save! replaces it/)
      await terminal.enter(`/save! "${dir}/talk"`, /already[\s\S]*saved in/)
      await terminal.enter('/set top-k', /top-k 40/)
      await terminal.enter('/pace 50', /at most 50 tokens per second/)
      await terminal.enter('/pace off', /as fast as possible/)
      await terminal.enter('/history off', /nothing of this chat is kept/)
      await terminal.enter('/undo', /taken back/)
      await terminal.waitFor(/› What is a lantern\? *\n.*context/)
      terminal.type('\x15')
      await terminal.enter('/reset', /begins again/)
      await terminal.waitFor(/context 0\//)
      await terminal.enter(`/load ${dir}/talk`, /loaded .*: \d+ tokens in the cache/)
      await terminal.enter('/retry', /context [1-9]/)
      await terminal.waitUntil(() => !/ · answering/.test(terminal.screen.text.join('\n')), 'the other answer')
      await terminal.enter('/model nano', /continuing with nano/)
      await terminal.enter('/nothing', /! there is no command \/nothing/)
      await terminal.enter('/stats', /kernels/)
      terminal.type('/he\t')
      await terminal.waitFor(/› \/help/)
      await terminal.enter('keys', /^Tab +completes a command/m)
      terminal.type('/exit\r')
      const { code, settings } = await terminal.ended()
      assert.is(code, 0)
      assertRestored(terminal, settings)
    })
  })
})

trial('the next conversation has the inputs of the last one', async () => {
  await inTemporaryFolder(async (home) => {
    const options = { env: { MOLM_HOME: home } }
    await inTerminal(options, async (terminal) => {
      await terminal.enter('/set top-k 7', /set top-k 7/)
      terminal.type('\x04')
      await terminal.ended()
    })
    await inTerminal(options, async (terminal) => {
      terminal.type('\x1b[A')
      await terminal.waitFor(/› \/set top-k 7/)
    })
  })
})

trial('no input is kept if the user does not want it', async () => {
  await inTemporaryFolder(async (home) => {
    const start = ['bin/molm.js', 'chat']
    for (const [args, env] of [
      [[...start, '--no-history'], {}],
      [start, { MOLM_HISTORY: '0' }],
    ] as const) {
      await inTerminal({ args: [...args], env: { MOLM_HOME: home, ...env } }, async (terminal) => {
        await terminal.enter('/set top-k 7', /set top-k 7/)
        await terminal.enter('/help keys', /None of your input is kept/)
        terminal.type('\x04')
        await terminal.ended()
      })
    }
    assert.equal(await readdir(home), [])
    await inTerminal({ env: { MOLM_HOME: home } }, async (terminal) => {
      await terminal.enter('/help keys', /Your input is kept in/)
      terminal.type('\x04')
      await terminal.ended()
    })
    assert.is((await stat(join(home, 'chat-history.jsonl'))).mode & 0o777, 0o600)
  })
})

trial('the arrow keys walk over the tokens of an answer', async () => {
  await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0'] }, async (terminal) => {
    await ask(terminal, LANTERN)
    await terminal.waitFor(/experts of the last token/)
    terminal.type('\x1b[D')
    await terminal.waitFor(/experts of token \d+ of \d+/)
    terminal.type('\x1b[D\x1b[D\x1b[B\x1b[B')
    await terminal.waitFor(/^layer 2 mlp: e\d+ .*\.\d\d/m)
    terminal.type('\x1b')
    await terminal.waitFor(/experts of the last token/)
  })
})

trial('an expert is switched off in the walk, and the words of the answer that differ are marked', async () => {
  const masked = ['--temperature', '0', '--mask', '0:attention:2']
  await inTerminal({ args: ['bin/molm.js', 'chat', ...masked], rows: 40 }, async (terminal) => {
    await terminal.enter('/mask', /switched off: layer 0 attention expert 2;/)
    await terminal.enter('/unmask', /on again from the next answer on: layer 0 attention expert 2/)
    await ask(terminal, 'What is a boat?')
    await terminal.enter('/colour expert 3', /coloured by the strongest mlp expert of layer 3/)
    assert.ok(terminal.output.includes('m boat\x1b[39;49m'), 'a colour behind a token')
    await terminal.enter('/without 3:mlp:3', /without layer 3 mlp expert 3: 1 of 10 words differs/)
    assert.ok(terminal.output.includes('A boat is a \x1b[1;4mlarge\x1b[22;24m vessel'))
    await terminal.waitFor(/experts of the last token/)
    terminal.type('\x1b[D')
    await terminal.waitFor(/experts of token \d+ of \d+/)
    terminal.type('x')
    await terminal.waitFor(/off from the next answer on: layer 0 \w+ expert \d+ \(x switches/)
    terminal.type('x')
    await terminal.waitFor(/on again from the next answer on: layer 0 \w+ expert \d+/)
  })
})

trial('SIGTERM, SIGHUP and a thrown error leave the terminal as it was', async () => {
  for (const [signal, wanted] of [
    ['-TERM', 143],
    ['-HUP', 129],
  ] as const) {
    await inTerminal({}, async (terminal) => {
      spawnSync('pkill', [signal, '-P', String(terminal.shell)])
      const { code, settings } = await terminal.ended()
      assert.is(code, wanted)
      assertRestored(terminal, settings)
    })
  }
  const thrower = "process.on('SIGUSR2', () => { throw new Error('on purpose') })"
  const args = ['--import', `data:text/javascript,${encodeURIComponent(thrower)}`, 'bin/molm.js', 'chat']
  await inTerminal({ args: args.map((word) => word.replaceAll("'", '%27')) }, async (terminal) => {
    spawnSync('pkill', ['-USR2', '-P', String(terminal.shell)])
    const { code, settings } = await terminal.ended()
    assert.is(code, 1)
    assertRestored(terminal, settings)
  })
})

trial('without colour the map is drawn with shades', async () => {
  await inTerminal(
    { args: ['bin/molm.js', 'chat', '--temperature', '0'], env: { NO_COLOR: '1' } },
    async (terminal) => {
      await ask(terminal, SUM)
      await terminal.waitFor(/^ +5 [·░▒▓█ ]{16} {2}[·░▒▓█ ]{30,}$/m)
      assert.not.ok(terminal.output.includes('[38;'))
    },
  )
})

trial('an answer that is cut says so, and /continue resumes it', async () => {
  await inTerminal(
    { args: ['bin/molm.js', 'chat', '--temperature', '0', '-n', '4', '--pace', '100'] },
    async (terminal) => {
      await ask(terminal, LANTERN)
      await terminal.waitFor(/cut at 4 tokens: \/continue resumes it, \/set max-tokens 8/)
      // The note is printed before the status line below it is drawn again.
      await terminal.waitFor(/experts of the last token/)
      const context = () => Number(/context (\d+)/.exec(terminal.screen.text.join('\n'))?.[1])
      const before = context()
      terminal.type('/continue\r')
      await terminal.waitUntil(() => context() === before + 4, 'four tokens more')
    },
  )
})

trial('a question longer than the training texts gets a warning, and its reading shows progress', async () => {
  await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0', '-n', '4'] }, async (terminal) => {
    terminal.type(`\x1b[200~${'The lantern is lit. '.repeat(600)}\x1b[201~\r`)
    await terminal.waitFor(/tokens, and nano was trained on 512 at a time/)
    await terminal.waitUntil(() => /reading [\d.]+ ?k? of [\d.]+ k tokens/.test(terminal.output), 'the progress')
  })
})

trial('Ctrl-Z suspends as it does in a shell, and the conversation continues afterwards', async () => {
  await inTerminal({ hasJobs: true }, async (terminal) => {
    await terminal.waitFor(/\/help$/m)
    terminal.type('\x1a')
    const { screen } = terminal
    await terminal.waitUntil(() => screen.cursorVisible && !screen.takesPastes && terminal.isStopped, 'the shell')
    assert.not.match(terminal.screen.text.join('\n'), /map newest/)
    terminal.type('\r')
    await terminal.waitFor(/map newest/)
    await terminal.enter('/stats', /kernels/)
  })
})

trial('Ctrl-Z changes nothing without a shell that could continue the chat', async () => {
  await inTerminal({}, async (terminal) => {
    await terminal.waitFor(/\/help$/m)
    terminal.type('\x1a')
    // The output, since the screen lags behind it: until raw mode is on again, Enter would arrive as a line feed.
    const [on, off] = ['\x1b[?2004h', '\x1b[?2004l']
    const isBack = ({ output }: PseudoTerminal) => output.includes(on, output.indexOf(off) + 1)
    await terminal.waitUntil(() => terminal.output.includes(off) && isBack(terminal), 'the screen again')
    await terminal.enter('/stats', /kernels/)
  })
})

trial('TERM=dumb gets plain lines', async () => {
  const dumb = { args: ['bin/molm.js', 'chat', '--temperature', '0', '-n', '8'], env: { TERM: 'dumb' } }
  await inTerminal(dumb, async (terminal) => {
    await terminal.waitFor(/^> *$/m)
    terminal.type(`${LANTERN}\r`)
    await terminal.waitFor(/cut at 8 tokens/)
    await terminal.enter('/nothing', /^! there is no command \/nothing/m)
    await terminal.enter('/help', /^\/set \[option\] +e\.g\. \/set top-k 20/m)
    terminal.type('\x04')
    assert.is((await terminal.ended()).code, 0)
    assert.not.ok(terminal.output.includes('\x1b'), 'no escape sequences')
    assert.match(terminal.output, /What is a lantern\?\r\n *[^>\s]/, 'the answer comes next, and no prompt before it')
  })
})

trial('a file that is not a saved conversation is refused before the model loads', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'nope')
    const terminal = await PseudoTerminal.start({ args: ['bin/molm.js', 'chat', '-m', 'nothing', '--load', path] })
    try {
      assert.is((await terminal.ended()).code, 1)
      assert.match(terminal.screen.everything.replace(/\n/g, ''), /^molm: .*nope: there is no such file *$/)
    } finally {
      await terminal.close()
    }
  })
})

trial('a chat can begin with a saved conversation', async () => {
  await inTemporaryFolder(async (dir) => {
    await inTerminal({ args: ['bin/molm.js', 'chat', '--temperature', '0'] }, async (terminal) => {
      await ask(terminal, LANTERN)
      await terminal.enter(`/save ${dir}/talk`, /saved in/)
    })
    await inTerminal({ args: ['bin/molm.js', 'chat', '--load', join(dir, 'talk')] }, async (terminal) => {
      await terminal.waitFor(/› What is a lantern\?[\s\S]*loaded .*tokens in the cache/)
      await terminal.waitFor(/experts of the last token "\."/)
      terminal.type('\x1b[D')
      await terminal.waitFor(/experts of token \d+ of \d+/)
    })
  })
})

test.run()
