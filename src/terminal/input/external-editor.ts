import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { readTextFile } from './files.js'

/** The user's editor: a command line that takes the name of a file at its end. Throws a UserError if none is set. */
export function editorOf({ VISUAL, EDITOR }: NodeJS.ProcessEnv): string {
  const editor = VISUAL?.trim() || EDITOR?.trim()
  if (!editor) throw new UserError('no editor is set: start with EDITOR=nano molm chat, or set VISUAL in your shell')
  return editor
}

/**
 * Lets the user edit a text in a file of a private folder, which is removed afterwards. Returns the new text. Rejects with
 * a UserError if the editor fails; aborting the signal ends the editor and removes the file at once.
 */
export async function editText(text: string, editor: string, signal: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'molm-edit-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  signal.addEventListener('abort', remove)
  try {
    const file = join(folder, 'message.md')
    await writeFile(file, text === '' ? '' : `${text}\n`, { mode: 0o600 })
    const failure = await runEditor(editor, file, signal)
    if (failure !== undefined) throw new UserError(`the editor ${printable(editor)} ${failure}; the input is as before`)
    return await readTextFile(file)
  } finally {
    signal.removeEventListener('abort', remove)
    remove()
  }
}

/** Runs an editor in the terminal of this process. Returns how it failed, in words; undefined if it did not. */
function runEditor(editor: string, file: string, signal: AbortSignal): Promise<string | undefined> {
  const isWindows = process.platform === 'win32'
  // The variable may have arguments, and the name of the file is one word. Ctrl-C is for the editor, not for the shell.
  const [command, args] = isWindows
    ? [`${editor} "${file}"`, []]
    : ['sh', ['-c', `trap : INT; ${editor} "$@"`, 'sh', file]]
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', shell: isWindows, signal })
    child.on('error', (error) => resolve(`did not start (${error.message})`))
    child.on('close', (code, killed) => {
      if (code === 0) resolve(undefined)
      else if (code === 127) resolve('was not found')
      else resolve(killed ? `was ended by ${killed}` : `ended with exit code ${code}`)
    })
  })
}
