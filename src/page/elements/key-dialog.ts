import { byId } from './elements.js'

/** Asks the user for an API key. Resolves with undefined if cancelled. */
export function askKey(isWrong: boolean): Promise<string | undefined> {
  const dialog = byId('key-dialog', HTMLDialogElement)
  const field = byId('key', HTMLInputElement)
  byId('key-alert', HTMLParagraphElement).textContent = isWrong ? 'This key is wrong.' : ''
  field.value = ''
  dialog.returnValue = ''
  if (!dialog.open) dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'given' ? field.value : undefined), {
      once: true,
    })
  })
}
