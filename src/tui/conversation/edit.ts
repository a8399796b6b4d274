import { UsageError } from '../../errors.js'
import { editorOf, editText } from '../input/external-editor.js'
import type { Chat } from './chat.js'

/** Lets the user edit a text in an editor; what comes back is the input. A failure changes nothing. */
export async function edit(chat: Chat, text: string): Promise<void> {
  const { terminal } = chat
  const leaving = new AbortController()
  // Immediately: after a signal, nothing else may run.
  const unsubscribe = chat.subscribe(() => chat.state === 'ended' && leaving.abort())
  try {
    if (!terminal) throw new UsageError('an editor needs a terminal that can move its cursor')
    const editor = editorOf(process.env)
    chat.input.set(await terminal.lend(() => editText(text, editor, leaving.signal)))
  } catch (error) {
    chat.fail(error)
  } finally {
    unsubscribe()
  }
  chat.changed()
}
