import { render } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { create } from '../elements/elements.js'
import { Alert } from './parts.js'

let asking: Promise<string | undefined> | undefined

/**
 * Asks the user for an API key, once for all requests that need it. `isWrong` says that the last one was refused. Resolves
 * with undefined if cancelled.
 */
export function askKey(isWrong: boolean): Promise<string | undefined> {
  asking ??= new Promise((resolve) => {
    const place = create('div')
    document.body.append(place)
    const done = (key?: string) => {
      render(null, place)
      place.remove()
      asking = undefined
      resolve(key)
    }
    render(<KeyDialog isWrong={isWrong} done={done} />, place)
  })
  return asking
}

function KeyDialog({ isWrong, done }: { isWrong: boolean; done: (key?: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = () => done(dialog.current?.returnValue === 'given' ? field.current?.value : undefined)
  return (
    <dialog id="key-dialog" aria-labelledby="key-title" ref={dialog} onClose={close}>
      <form method="dialog">
        <h2 id="key-title">This server requires an API key</h2>
        <Alert id="key-alert">{isWrong && 'This key is wrong.'}</Alert>
        <label>
          Key <input id="key" type="password" autocomplete="off" required ref={field} />
        </label>
        <p class="note">The key is kept until this tab is closed.</p>
        <div class="buttons">
          <button type="submit" value="given">
            Continue
          </button>
          <button class="quiet" type="submit" formnovalidate value="">
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  )
}
