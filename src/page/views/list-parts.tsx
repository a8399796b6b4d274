import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { plural } from '../../ground/numbers.js'

interface SaidProps {
  text: string
  /** Whether its button takes the focus when it appears. */
  hasFocus?: boolean
  children: ComponentChildren
}

/** A row of the list that says something about a conversation, and a button. */
export function Said({ text, hasFocus, children }: SaidProps) {
  const row = useRef<HTMLLIElement>(null)
  useLayoutEffect(() => {
    if (hasFocus) row.current?.querySelector('button')?.focus()
  }, [])
  return (
    <li class="row said" ref={row}>
      <span>{text}</span>
      {children}
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
      <button id="delete-all" class="quiet" type="button" onClick={() => setAsked(true)}>
        Delete all
      </button>
    )
  }
  return (
    <div id="delete-sure">
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
