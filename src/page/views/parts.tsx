import type { ComponentChildren, TargetedKeyboardEvent } from 'preact'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { copyButton } from '../elements/clipboard.js'

/** The place of an element that other code owns and changes. */
export function Mounted({ node }: { node: HTMLElement }) {
  const place = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => place.current?.replaceChildren(node), [node])
  return <div class="mounted" ref={place} />
}

interface ActProps {
  /** Name for screen readers; a sign has it as its title, too. */
  name?: string
  disabled?: boolean
  act: () => void
  children: string
}

/** A small button below or beside a message. */
export function Act({ name, disabled, act, children }: ActProps) {
  const title = children.length === 1 ? name : undefined
  return (
    <button class="act" type="button" aria-label={name} title={title} disabled={disabled} onClick={act}>
      {children}
    </button>
  )
}

/** A button that copies a text. `name` is its name for screen readers, such as `Copy the answer`. */
export function CopyButton({ name, text, label }: { name: string; text: () => string; label?: string }) {
  return <Mounted node={useMemo(() => copyButton(name, text, label), [])} />
}

/** A line for errors. */
export function Alert({ id, children }: { id?: string; children?: ComponentChildren }) {
  return (
    <p class="alert" id={id} role="alert">
      {children}
    </p>
  )
}

/** Sends the form of a field with Enter; Shift and Enter begin a new line. */
export function sendOnEnter(event: TargetedKeyboardEvent<HTMLTextAreaElement>): void {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  event.currentTarget.form?.requestSubmit()
}

/** Handles the submission of a form in place of the browser. */
export const submitting = (act: () => void) => (event: Event) => {
  event.preventDefault()
  act()
}

/** Lets the next keys be of a message. */
export function focusMessage(): void {
  document.getElementById('message')?.focus()
}
