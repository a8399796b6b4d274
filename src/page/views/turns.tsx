import { useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks'
import { type ComparedPart, changesSentence, wordChanges } from '../../insight/word-changes.js'
import { pushText } from '../../model/config/mask-spec.js'
import type { Exchange } from '../answers/exchange.js'
import type { Compared } from '../answers/kept-form.js'
import type { Page } from '../conversations/page.js'
import type { PageState, Shown } from '../conversations/page-state.js'
import { ScrolledEnd } from '../elements/scrolled-end.js'
import { changeInWords, placesOf } from '../experts/places.js'
import { type AnswerProps, AnswerTurn } from './answer-turn.js'
import { Matters } from './matters.js'
import { Act, CopyButton, Mounted, sendOnEnter, submitting } from './parts.js'

/** Ms that screen readers do not announce a conversation that is opened. */
const SILENT_MS = 1_000

/** The messages of the conversation. */
export function Turns({ page, state }: { page: Page; state: PageState }) {
  const { path, comparing, jumps, isRunning, isAsWritten, model, changed } = state
  const place = useRef<HTMLDivElement>(null)
  const end = useRef<ScrolledEnd | null>(null)
  const hadFocus = place.current?.contains(document.activeElement)
  useLayoutEffect(() => {
    if (place.current) end.current = new ScrolledEnd(place.current)
  }, [])
  useLayoutEffect(() => {
    // The button that had the focus may be gone.
    if (hadFocus && !place.current?.contains(document.activeElement)) place.current?.focus({ preventScroll: true })
  })
  useLayoutEffect(() => {
    end.current?.go()
    place.current?.removeAttribute('aria-live')
    if (isRunning) return
    // Screen readers do not announce what is not new.
    place.current?.setAttribute('aria-live', 'off')
    const timer = setTimeout(() => place.current?.removeAttribute('aria-live'), SILENT_MS)
    return () => clearTimeout(timer)
  }, [jumps])
  const turnsOf = (shown: Shown, i: number) => {
    const before = path[i - 1]?.exchange
    const isLast = i === path.length - 1
    const own = { page, shown, before, isLast, isRunning, model, changed, comparing: isLast ? comparing : undefined }
    return <ExchangeTurns key={shown.exchange.key} {...own} />
  }
  // While an answer comes, only the last exchange is drawn again.
  const earlier = useMemo(() => path.slice(0, -1).map(turnsOf), [path, isRunning, model, changed])
  return (
    <div
      id="turns"
      class={isAsWritten ? 'written' : ''}
      role="log"
      aria-label="conversation"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
      tabIndex={0}
      ref={place}
    >
      {[...earlier, ...path.slice(-1).map((shown) => turnsOf(shown, path.length - 1))]}
    </div>
  )
}

/** The messages of an exchange, its answer, and comparisons of the answer. */
function ExchangeTurns({ comparing, ...own }: AnswerProps & { comparing?: Compared }) {
  const { page, isRunning, before } = own
  const { exchange } = own.shown
  const all = comparing ? [...exchange.compared, comparing] : exchange.compared
  const canEdit = exchange.isQuestion && exchange.turns.length === 1
  return (
    <>
      {canEdit && (
        <Question page={page} exchange={exchange} isRunning={isRunning} canBeLinked={!before && page.isInTab} />
      )}
      {!canEdit &&
        exchange.turns.map(({ role, name, text }, i) => (
          <article key={i} class={`turn ${role}`}>
            <h2 class="soft tiny">{name}</h2>
            <Mounted node={text.element} />
          </article>
        ))}
      <AnswerTurn {...own} />
      {exchange.matters && <Matters page={page} matters={exchange.matters} changed={own.changed} />}
      {all.map((compared, i) => (
        <ComparedTurn key={i} compared={compared} isRunning={compared === comparing} />
      ))}
    </>
  )
}

interface QuestionProps {
  page: Page
  /** Whether a link can lead to it: the first question to an engine in the tab. */
  canBeLinked: boolean
  exchange: Exchange
  isRunning: boolean
}

/** A question, which can be changed. */
function Question({ page, exchange, isRunning, canBeLinked }: QuestionProps) {
  const [{ name, text }] = exchange.turns
  const article = useRef<HTMLElement>(null)
  const isEditing = exchange.draft !== undefined
  const wasEditing = useRef(isEditing)
  const [, redraw] = useReducer((times: number, _: undefined) => times + 1, 0)
  useLayoutEffect(() => {
    // With another model the field is there again, and the focus is elsewhere.
    if (wasEditing.current === isEditing) return
    wasEditing.current = isEditing
    const field = article.current?.querySelector('textarea')
    field?.setSelectionRange(field.value.length, field.value.length)
    const next = field ?? article.current?.querySelector('button')
    next?.focus()
  }, [isEditing])
  useLayoutEffect(() => {
    // It scrolls then, so the keyboard must reach it.
    if (text.element.scrollHeight > text.element.clientHeight) text.element.tabIndex = 0
  }, [text])
  const write = (draft?: string) => {
    exchange.draft = draft
    redraw(undefined)
  }
  const send = () => {
    const { draft = '' } = exchange
    if (draft.trim() === '') return
    write()
    const question = { role: 'user' as const, content: draft }
    page.ask((options) => page.conversation.askInstead(exchange, [question], options))
  }
  return (
    <article class={`turn user${isEditing ? ' editing' : ''}`} ref={article}>
      <div class="flow">
        <h2 class="unseen">{name}</h2>
        <div class="acts">
          <Act name="Edit the question" disabled={isRunning} act={() => write(exchange.said[0].content)}>
            Edit
          </Act>
          <CopyButton name="Copy the question" text={() => text.text} />
          {canBeLinked && <CopyButton name="Copy a link" label="Link" text={() => page.linkTo(exchange)} />}
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

/** The same question answered before and after a change of an expert, with marks at the words that differ. */
function ComparedTurn({ compared, isRunning }: { compared: Compared; isRunning: boolean }) {
  const { expert, before, after, hasOthers } = compared
  const [place] = placesOf([expert])
  const change = changeInWords(place)
  const titles = place.push === undefined ? ['with it', 'without it'] : ['before', `at ${pushText(place.push)}`]
  const changes = useMemo(() => wordChanges(before.trim(), after.trim()), [before, after, isRunning])
  return (
    <article class="turn without">
      <h2 class="soft tiny">The same question {change}</h2>
      <div class="two">
        <Column title={titles[0]} text={before} parts={isRunning ? undefined : changes.before} />
        <Column title={titles[1]} text={after} parts={isRunning ? undefined : changes.after} />
      </div>
      <p class="sentence">{isRunning ? 'answering again …' : `${change}: ${changesSentence(changes)}`}</p>
      {!isRunning && (
        <p class="note tiny">
          Both answers are greedy, so only this expert makes the difference.
          {hasOthers && ' The others that are switched off or steered are so in both.'}
        </p>
      )}
    </article>
  )
}

interface ColumnProps {
  title: string
  text: string
  /** The text in parts that differ or not, once it is complete. */
  parts?: readonly ComparedPart[]
}

function Column({ title, text, parts }: ColumnProps) {
  return (
    <div>
      <h3 class="soft tiny">{title}</h3>
      <div class="answer">
        {parts ? parts.map(({ text, differs }) => (differs ? <mark>{text}</mark> : text)) : text || '…'}
      </div>
    </div>
  )
}
