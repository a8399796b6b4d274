import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { editorOf } from '#molm/tui/input/external-editor.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

/** A chat whose editor is a shell script; `temporary` is the folder of temporary files. */
async function withEditor(
  script: string,
  use: (terminal: PseudoTerminal, folders: { temporary: string; notes: string }) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const [editor, temporary, notes] = [join(dir, 'my editor'), join(dir, 'temporary'), join(dir, 'notes')]
    await mkdir(temporary)
    await writeFile(editor, `#!/bin/sh\nnotes='${notes}'\n${script}\n`)
    await chmod(editor, 0o700)
    const env = { VISUAL: `"${editor}" --wait`, EDITOR: 'false', TMPDIR: temporary }
    const terminal = await PseudoTerminal.start({ args: ['bin/molm.js', 'chat', '--temperature', '0'], env })
    try {
      await terminal.waitFor(/write something[\s\S]*\/help/)
      await use(terminal, { temporary, notes })
    } finally {
      await terminal.close()
    }
  })
}

trial('/edit and Ctrl-X Ctrl-E write the input in an editor, in a private file that is removed', async () => {
  const script = `
    stat -c '%a' "$2" "$(dirname "$2")" >"$notes"; cat "$2" >>"$notes"; stty -a >>"$notes"
    printf 'What is\\na lantern?\\n' >"$2"`
  await withEditor(script, async (terminal, { temporary, notes }) => {
    terminal.type('some words')
    await terminal.waitFor(/› some words/)
    terminal.type('\x18')
    terminal.type('\x05')
    await terminal.waitFor(/› What is\n {2}a lantern\?/)
    const noted = await readFile(notes, 'utf8')
    assert.match(noted, /^600\n700\nsome words\n/, 'the modes of file and folder, and the text so far')
    assert.match(noted, /(^|\s)icanon/, 'the terminal is in the mode of a shell')
    terminal.type('\r')
    await terminal.waitFor(/can be carried[\s\S]*tok\/s/)
    await terminal.enter('/edit more', /› What is\n {2}a lantern\? *\n.*\/help/)
    assert.match(await readFile(notes, 'utf8'), /^600\n700\nmore\n/)
    assert.equal(await readdir(temporary), [])
    terminal.type('\x03\x04')
    assert.is((await terminal.ended()).code, 0)
    assert.is(terminal.screen.fullClears, 0)
  })
})

trial('an editor that fails changes nothing, and Ctrl-C within it is its own', async () => {
  const script = `trap 'echo interrupted >>"$notes"; exit 3' INT; printf 'lost' >"$2"; echo ready; sleep 60 & wait`
  await withEditor(script, async (terminal, { temporary, notes }) => {
    terminal.type('kept\x18\x05')
    await terminal.waitFor(/^ready/m)
    terminal.type('\x03')
    await terminal.waitFor(/! the editor .* ended with exit code 3;\s+the input is as before[\s\S]*› kept/)
    assert.is(await readFile(notes, 'utf8'), 'interrupted\n')
    assert.equal(await readdir(temporary), [])
    terminal.type('\x15What is a lantern?\r')
    await terminal.waitFor(/experts woke/)
  })
})

trial('an answer continues while an editor is open, and is drawn afterwards', async () => {
  const script = `echo ready; until test -e "$notes"; do sleep 0.1; done; printf 'next\\n' >"$2"`
  await withEditor(script, async (terminal, { notes }) => {
    terminal.type('What is a lantern?\r\x18\x05')
    await terminal.waitFor(/^ready/m)
    const before = terminal.output.length
    await new Promise((resolve) => setTimeout(resolve, 1000))
    assert.is(terminal.output.length, before, 'the editor has the terminal alone')
    await writeFile(notes, '')
    await terminal.waitFor(/experts woke[\s\S]*› next/)
    const { everything } = terminal.screen
    assert.is(everything.match(/^› What is a lantern\?$/gm)?.length, 1)
    assert.is(everything.match(/experts woke/g)?.length, 1)
  })
})

trial('SIGTERM during the editing ends the editor, removes its file and restores the terminal', async () => {
  await withEditor('echo ready; sleep 60 & wait', async (terminal, { temporary }) => {
    terminal.type('secret\x18\x05')
    await terminal.waitFor(/^ready/m)
    const program = terminal.program
    process.kill(program, 'SIGTERM')
    const { code, settings } = await terminal.ended()
    assert.is(code, 143)
    assert.match(settings, /(^|\s)icanon/)
    assert.equal(await readdir(temporary), [])
    assert.is(spawnSync('pgrep', ['-f', temporary]).status, 1, 'the editor has ended')
  })
})

test('the editor is $VISUAL, else $EDITOR, else an error says how to set one', () => {
  assert.is(editorOf({ VISUAL: 'code --wait', EDITOR: 'vi' }), 'code --wait')
  assert.is(editorOf({ VISUAL: ' ', EDITOR: 'vi' }), 'vi')
  assert.throws(() => editorOf({}), /^no editor is set: start with EDITOR=nano molm chat, or set VISUAL/)
})

test.run()
