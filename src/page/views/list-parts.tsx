import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { plural } from '../../ground/numbers.js'

interface SaidProps {
  text: string
  /** Whether its button takes the focus when it appears. */
  hasFocus?: boolean
  button: string
  act: () => void
}

/** A row of the list that says something about a conversation, and a button. */
export function Said({ text, hasFocus, button, act }: SaidProps) {
  const place = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => {
    if (hasFocus) place.current?.focus()
  }, [])
  return (
    <li class="row said small soft">
      <span>{text}</span>
      <button class="quiet low" type="button" onClick={act} ref={place}>
        {button}
      </button>
    </li>
  )
}

/** Deletes all conversations, after a question. */
export function DeleteAll({ count, remove }: { count: number; remove: () => void }) {
  const [isAsked, setAsked] = useState(false)
  const cancel = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => cancel.current?.focus(), [isAsked])
  if (!isAsked) {
    return (
      <button id="delete-all" class="quiet low" type="button" onClick={() => setAsked(true)}>
        Delete all
      </button>
    )
  }
  return (
    <div id="delete-sure" class="stack">
      <p id="delete-question" role="status">
        {`Delete ${plural(count, 'conversation')}? This cannot be undone.`}
      </p>
      <div class="buttons">
        <button id="delete-yes" type="button" onClick={remove}>
          Delete all
        </button>
        <button id="delete-cancel" class="quiet" type="button" ref={cancel} onClick={() => setAsked(false)}>
          Cancel
        </button>
      </div>
    </div>
  )
}
