import { create, say } from './elements.js'

/** Ms that a button says that it has copied. */
const SAID_MS = 2_000

/**
 * Copies a text. Browsers allow their clipboard only to pages of https and of the same computer; elsewhere the text is
 * selected in a field and copied as by a key. Resolves with false if both are forbidden.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copySelected(text)
  }
}

function copySelected(text: string): boolean {
  const focused = document.activeElement
  const field = create('textarea', 'unseen')
  field.value = text
  field.readOnly = true
  document.body.append(field)
  field.select()
  try {
    return document.execCommand('copy')
  } catch {
    return false
  } finally {
    field.remove()
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true })
  }
}

/** A button that copies a text. `name` is its name for screen readers, such as `Copy the answer`. */
export function copyButton(name: string, text: () => string, label = 'Copy'): HTMLButtonElement {
  const button = create('button', 'act copy', label)
  button.type = 'button'
  button.setAttribute('aria-label', name)
  let timer: number | undefined
  button.addEventListener('click', async () => {
    const isCopied = await copyText(text())
    button.textContent = isCopied ? 'Copied' : 'Failed'
    const message = isCopied
      ? 'Copied.'
      : 'The browser does not allow copying. Select the text and copy it by the keyboard.'
    say(message)
    button.title = isCopied ? '' : message
    clearTimeout(timer)
    timer = window.setTimeout(() => {
      button.textContent = label
    }, SAID_MS)
  })
  return button
}
