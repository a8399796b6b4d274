import { Fragment } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Exchange } from '../answers/exchange.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { ScrolledEnd } from '../elements/scrolled-end.js'
import { AnswerTurn } from './answer-turn.js'
import { ComparedTurn } from './compared-turn.js'
import { Act, CopyButton, Mounted, sendOnEnter, submitting } from './parts.js'

/** Ms that screen readers do not announce a conversation that is opened. */
const SILENT_MS = 1_000

/** The messages of the conversation. */
export function Turns({ page, state }: { page: Page; state: PageState }) {
  const { path, comparing, jumps, isRunning, isAsWritten } = state
  const place = useRef<HTMLDivElement>(null)
  const end = useRef<ScrolledEnd | null>(null)
  const isOpened = path.length > 0 && path.every(({ exchange }) => exchange.answer.hasTextsOnly)
  const hadFocus = place.current?.contains(document.activeElement)
  useLayoutEffect(() => {
    if (place.current) end.current = new ScrolledEnd(place.current)
  }, [])
  useLayoutEffect(() => {
    // The button that had the focus may be gone.
    if (hadFocus && !place.current?.contains(document.activeElement)) place.current?.focus({ preventScroll: true })
  })
  useLayoutEffect(() => end.current?.go(), [jumps])
  useEffect(() => {
    const timer = setTimeout(() => place.current?.removeAttribute('aria-live'), SILENT_MS)
    return () => clearTimeout(timer)
  }, [isOpened])
  return (
    <div
      id="turns"
      class={isAsWritten ? 'written' : ''}
      role="log"
      aria-label="conversation"
      aria-live={isOpened ? 'off' : undefined}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
      tabIndex={0}
      ref={place}
    >
      {path.map((shown, i) => {
        const { exchange } = shown
        const isLast = i === path.length - 1
        const all = isLast && comparing ? [...exchange.compared, comparing] : exchange.compared
        return (
          <Fragment key={exchange.key}>
            {exchange.turns.map(({ role, name, text }) =>
              exchange.isQuestion && exchange.turns.length === 1 ? (
                <Question key={name} page={page} exchange={exchange} isRunning={isRunning} />
              ) : (
                <article key={name} class={`turn ${role}`}>
                  <h2 class="soft tiny">{name}</h2>
                  <Mounted node={text.element} />
                </article>
              ),
            )}
            <AnswerTurn page={page} state={state} shown={shown} before={path[i - 1]?.exchange} isLast={isLast} />
            {all.map((compared, j) => (
              <ComparedTurn key={j} compared={compared} isRunning={compared === comparing} />
            ))}
          </Fragment>
        )
      })}
    </div>
  )
}

interface QuestionProps {
  page: Page
  exchange: Exchange
  isRunning: boolean
}

/** A question, which can be changed. */
function Question({ page, exchange, isRunning }: QuestionProps) {
  const [{ name, text }] = exchange.turns
  const article = useRef<HTMLElement>(null)
  const isEditing = exchange.draft !== undefined
  const wasEditing = useRef(isEditing)
  useLayoutEffect(() => {
    // With another model the field is there again, and the focus is elsewhere.
    if (wasEditing.current === isEditing) return
    wasEditing.current = isEditing
    const field = article.current?.querySelector('textarea')
    field?.setSelectionRange(field.value.length, field.value.length)
    const next = field ?? article.current?.querySelector('button')
    next?.focus()
  }, [isEditing])
  const write = (draft?: string) => {
    exchange.draft = draft
    page.store.set()
  }
  const send = () => {
    const { draft = '' } = exchange
    if (draft.trim() === '') return
    write()
    const said = [{ role: 'user' as const, content: draft }]
    page.ask((options) => page.conversation.askInstead(exchange, said, options))
  }
  return (
    <article class={`turn user${isEditing ? ' editing' : ''}`} ref={article}>
      <div class="flow">
        <h2 class="soft tiny">{name}</h2>
        <div class="acts">
          <Act name="Edit the question" disabled={isRunning} act={() => write(exchange.said[0].content)}>
            Edit
          </Act>
          <CopyButton name="Copy the question" text={() => text.text} />
        </div>
      </div>
      <Mounted node={text.element} />
      {exchange.draft !== undefined && <EditForm draft={exchange.draft} write={write} send={send} />}
    </article>
  )
}

interface EditProps {
  draft: string
  write: (draft?: string) => void
  send: () => void
}

/** A field to change a question in its place. Enter sends it, Escape leaves the question unchanged. */
function EditForm({ draft, write, send }: EditProps) {
  return (
    <form class="edit" onSubmit={submitting(send)}>
      <textarea
        aria-label="your question"
        value={draft}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') write()
          sendOnEnter(event)
        }}
      />
      <div class="buttons">
        <button type="submit">Send</button>
        <button class="quiet" type="button" onClick={() => write()}>
          Cancel
        </button>
      </div>
    </form>
  )
}
