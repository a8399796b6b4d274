import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL, type PseudoTerminal } from '../support/pseudo-terminal.js'
import { askInTerminal as ask, assertEnds, inSequence, isIdle, startTerminalChat } from '../support/terminal-chat.js'
import { until } from '../support/until.js'

/*
 * One chat in a real terminal from its beginning to its end. A case continues after the one before it.
 */

const test = suite('a chat in a terminal')
const trial = inSequence(HAS_PSEUDO_TERMINAL ? test : test.skip)

const [LANTERN, SUM] = ['What is a lantern?', 'What is 23 + 45?']

/** An editor that does something else for each text that it gets. */
const EDITOR = `
  case $(cat "$2") in
    'some words')
      stat -c '%a' "$2" "$(dirname "$2")" >"$notes"; cat "$2" >>"$notes"; stty -a >>"$notes"
      printf 'Written\\nelsewhere\\n' >"$2";;
    fail) trap 'echo interrupted >>"$notes"; exit 3' INT; printf 'lost' >"$2"; echo ready; sleep 60 & wait;;
    *) echo ready; until test -e "$notes.go"; do sleep 0.05; done; printf 'next\\n' >"$2"
  esac`

let folder = ''
let terminal: PseudoTerminal

test.before(async () => {
  if (!HAS_PSEUDO_TERMINAL) return
  folder = await mkdtemp(join(tmpdir(), 'molm-chat-'))
  const [editor, temporary] = [join(folder, 'my editor'), join(folder, 'temporary')]
  await mkdir(temporary)
  await writeFile(editor, `#!/bin/sh\nnotes='${join(folder, 'notes')}'\n${EDITOR}\n`)
  await chmod(editor, 0o700)
  const env = {
    ...{ CI: 'true', MOLM_HOME: join(folder, 'home'), TMPDIR: temporary },
    ...{ VISUAL: `"${editor}" --wait`, EDITOR: 'false' },
  }
  terminal = await startTerminalChat({ rows: 40, hasJobs: true, env })
})

test.after(async () => {
  await terminal?.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

function occurrences(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

const shown = () => terminal.screen.text.join('\n')

/** Clears the input. */
async function clear(): Promise<void> {
  terminal.type('\x15')
  await terminal.waitFor(/^› +$|^›$/m)
}

trial('a conversation goes into the scrollback whole and once', async () => {
  await ask(terminal, LANTERN)
  await terminal.waitFor(/^\d+ of 192 experts woke; \d+ of them did half of the work$/m)
  await ask(terminal, SUM)
  await terminal.enter('/stats', /tokens in the cache/)
  await terminal.enter('/help', /^\/edit \[text\] +write in your editor/m)
  await terminal.enter('/help keys', /Your input is kept in/)
  await clear()
  const { everything } = terminal.screen
  for (const line of [/^› What is a lantern\?$/gm, /^› What is 23 \+ 45\?$/gm, /tokens in the cache/g]) {
    assert.is(occurrences(everything, line), 1, String(line))
  }
  assert.is(occurrences(everything, /experts of the (last|newest)/g), 1, 'the live area leaves nothing behind')
})

trial('the arrow keys walk over the tokens of an answer', async () => {
  terminal.type('\x1b[D')
  await terminal.waitFor(/experts of token \d+ of \d+/)
  terminal.type('\x1b[H\x1b[B')
  await terminal.waitFor(/^layer 1 \w+ expert \d+.*, "\w+", gate [\d.]+: woken by "/m)
  terminal.type('\x1b')
  await terminal.waitFor(/experts of the last token/)
})

trial('a pasted text of several lines waits to be sent', async () => {
  terminal.type('\x1b[200~one\rtwo\rthree\x1b[201~')
  await terminal.waitFor(/› one\n {2}two\n {2}three/)
  // Not Alt-Enter: its two bytes may arrive too far apart here to be one key.
  terminal.type('\\\rfour\\\r')
  await terminal.waitFor(/ {2}three\n {2}four\n/)
  assert.not.match(terminal.screen.everything, /^› one$[\s\S]*answering/m)
  terminal.type('\x03')
  await terminal.waitFor(/^› +$|^›$/m)
})

trial('the live area fits every window, and resizing keeps the scrollback', async () => {
  const resets = () => occurrences(terminal.screen.everything, /begins again/g)
  for (const [columns, rows] of [
    [40, 12],
    [132, 43],
    [80, 40],
  ]) {
    await terminal.resize(columns, rows)
    await ask(terminal, SUM)
    const before = resets()
    terminal.type('/reset\r')
    await terminal.waitUntil(() => resets() > before, '/reset')
    await terminal.waitFor(/a row is a layer|a row per token/)
    assert.ok(terminal.screen.text.every((line) => line.length <= columns))
  }
  assert.ok(occurrences(terminal.screen.everything, /^› What is a lantern/gm) >= 1)
  assert.ok(occurrences(terminal.screen.everything, /^› What is 23/gm) >= 3)
})

trial('Ctrl-Z suspends as it does in a shell, and the conversation continues afterwards', async () => {
  const { screen } = terminal
  terminal.type('kept')
  await terminal.waitFor(/^› kept/m)
  terminal.type('\x1a')
  await terminal.waitUntil(() => screen.cursorVisible && !screen.takesPastes && terminal.isStopped, 'the shell')
  assert.not.match(shown(), /map newest/)
  terminal.type('\r')
  await terminal.waitFor(/^› kept[\s\S]*map newest/m)
  await clear()
})

trial('Ctrl-X Ctrl-E writes the input in an editor, in a private file that is removed', async () => {
  terminal.type('some words')
  await terminal.waitFor(/› some words/)
  terminal.type('\x18')
  terminal.type('\x05')
  await terminal.waitFor(/› Written\n {2}elsewhere/)
  const noted = await readFile(join(folder, 'notes'), 'utf8')
  assert.match(noted, /^600\n700\nsome words\n/, 'the modes of file and folder, and the text so far')
  assert.match(noted, /(^|\s)icanon/, 'the terminal is in the mode of a shell')
  assert.equal(await readdir(join(folder, 'temporary')), [])
  terminal.type('\x03')
  await terminal.waitFor(/^› +$|^›$/m)
})

trial('an editor that fails changes nothing, and Ctrl-C within it is its own', async () => {
  terminal.type('fail\x18\x05')
  await terminal.waitFor(/^ready/m)
  await writeFile(join(folder, 'notes'), '')
  terminal.type('\x03')
  await terminal.waitFor(/! the editor .* ended with exit code 3;\s+the input is as before[\s\S]*› fail/)
  assert.is(await readFile(join(folder, 'notes'), 'utf8'), 'interrupted\n')
  assert.equal(await readdir(join(folder, 'temporary')), [])
  await clear()
})

trial('an answer continues while an editor is open, and is drawn afterwards', async () => {
  const woken = () => occurrences(terminal.screen.everything, /^\d+ of 192 experts woke/gm)
  const earlier = woken()
  const ready = occurrences(terminal.output, /ready/g)
  terminal.type('What is a ship?\r\x18\x05')
  await terminal.waitUntil(() => occurrences(terminal.output, /ready/g) > ready, 'the editor')
  const before = terminal.output.length
  const conversations = join(folder, 'home', 'conversations')
  await until(async () => {
    const names = (await readdir(conversations)).filter((name) => name.endsWith('.jsonl'))
    const texts = await Promise.all(names.map((name) => readFile(join(conversations, name), 'utf8')))
    return texts.some((text) => /"What is a ship\?"[\s\S]*"assistant"/.test(text))
  }, 'the answer in the file')
  assert.is(terminal.output.length, before, 'the editor has the terminal alone')
  await writeFile(join(folder, 'notes.go'), '')
  await terminal.waitFor(/experts woke[\s\S]*› next/)
  assert.is(occurrences(terminal.screen.everything, /^› What is a ship\?$/gm), 1)
  assert.is(woken(), earlier + 1)
  await clear()
})

trial('Ctrl-C stops an answer', async () => {
  await terminal.enter('/set max-tokens 1000000', /set max-tokens 1000000/)
  await terminal.enter('/schema {"type":"string","minLength":100000}', /answers are JSON of the schema/)
  terminal.type('Once upon a time\r')
  await terminal.waitFor(/experts of the newest token/)
  terminal.type('\x03')
  await terminal.waitFor(/interrupted: \/retry answers again|stopped while reading: \/retry reads on/)
  await terminal.waitUntil(() => isIdle(terminal), 'the end of the answer')
})

trial('Ctrl-D leaves the terminal as it was, and says how to continue', async () => {
  terminal.type('\x04')
  await assertEnds(terminal, 0)
  const [, id] = /^kept as (\d{8}-\S+); molm chat -c continues$/m.exec(terminal.screen.everything) ?? []
  const home = join(folder, 'home')
  const files = await readdir(join(home, 'conversations'))
  assert.ok(files.includes(`${id}.jsonl`) && files.includes(`${id}.cache`), `${id}: ${files}`)
  assert.ok(!files.some((name) => name.includes('lock')))
  assert.is((await stat(join(home, 'chat-history.jsonl'))).mode & 0o777, 0o600)
})

test.run()
