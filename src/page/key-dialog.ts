import { byId } from './elements.js'

/** Asks the reader for an API key. Undefined where none is given. */
export function askKey(isWrong: boolean): Promise<string | undefined> {
  const dialog = byId('key-dialog', HTMLDialogElement)
  const field = byId('key', HTMLInputElement)
  byId('key-alert', HTMLParagraphElement).textContent = isWrong ? 'The server does not know this key.' : ''
  field.value = ''
  dialog.returnValue = ''
  if (!dialog.open) dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'given' ? field.value : undefined), {
      once: true,
    })
  })
}
