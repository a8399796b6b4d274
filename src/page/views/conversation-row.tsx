import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { plural } from '../../ground/numbers.js'
import { type KeptHead, titleOf } from '../answers/kept-form.js'
import { Act, submitting } from './parts.js'

interface RowProps {
  head: KeptHead
  isOpen: boolean
  /** Whether the row takes the focus when it appears. */
  hasFocus: boolean
  open: () => void
  rename: (name: string) => void
  save: (ending: 'md' | 'json') => void
  remove: () => void
}

/** A conversation of the list: its title, which opens it, and a button for further actions. */
export function ConversationRow({ head, isOpen, hasFocus, open, rename, save, remove }: RowProps) {
  const [shown, setShown] = useState<'menu' | 'form'>()
  const more = useRef<HTMLButtonElement>(null)
  const title = useRef<HTMLButtonElement>(null)
  const before = useRef(shown)
  useLayoutEffect(() => {
    if (hasFocus) title.current?.focus()
  }, [hasFocus])
  useLayoutEffect(() => {
    if (before.current && !shown) more.current?.focus()
    before.current = shown
  }, [shown])
  const name = titleOf(head)
  const press = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !shown) return
    // Escape closes the list only if nothing in it is open.
    event.preventDefault()
    event.stopPropagation()
    setShown(undefined)
  }
  const finish = (wanted: string) => {
    setShown(undefined)
    rename(wanted.trim())
  }
  return (
    <li class="row" onKeyDown={press}>
      {shown === 'form' ? (
        <RenameForm name={name} finish={finish} />
      ) : (
        <>
          <button class="title" type="button" aria-current={isOpen || undefined} onClick={open} ref={title}>
            <span class="name">{name}</span>
            <span class="note tiny">{detailsOf(head)}</span>
          </button>
          <button
            class="more sign"
            type="button"
            aria-label={`Actions for ${name}`}
            aria-expanded={shown === 'menu'}
            onClick={() => setShown(shown ? undefined : 'menu')}
            ref={more}
          >
            ⋯
          </button>
        </>
      )}
      {shown === 'menu' && (
        <div class="menu flow">
          <Act act={() => setShown('form')}>Rename</Act>
          <Act act={() => save('md')}>Save as .md</Act>
          <Act act={() => save('json')}>Save as .json</Act>
          <Act act={remove}>Delete</Act>
        </div>
      )}
    </li>
  )
}

/** The field for another name, in the place of the title. */
function RenameForm({ name, finish }: { name: string; finish: (name: string) => void }) {
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => field.current?.select(), [])
  return (
    <form class="rename" onSubmit={submitting(() => finish(field.current?.value ?? ''))}>
      <input defaultValue={name} maxLength={200} aria-label="Name of the conversation" ref={field} />
      <button type="submit">Save</button>
    </form>
  )
}

/** The model, the number of questions and the time of the latest change. */
function detailsOf({ model, questions, changed, version }: KeptHead): string {
  const when = version === 0 ? 'not kept' : timeInWords(new Date(changed))
  return [model, plural(questions, 'question'), when].filter((part) => part !== '').join(' · ')
}

/** The time of today, or the day. */
function timeInWords(time: Date): string {
  const now = new Date()
  if (time.toDateString() === now.toDateString()) {
    return time.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  }
  const year = time.getFullYear() === now.getFullYear() ? undefined : 'numeric'
  return time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year })
}
