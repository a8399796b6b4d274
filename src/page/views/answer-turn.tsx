import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { plural } from '../../ground/numbers.js'
import type { Answer } from '../answers/answer.js'
import type { Exchange } from '../answers/exchange.js'
import type { Page } from '../conversations/page.js'
import type { Shown } from '../conversations/page-state.js'
import { say } from '../elements/elements.js'
import { laidOut } from '../elements/json-layout.js'
import type { ChangedExpert } from '../experts/places.js'
import type { Call } from '../requests/api.js'
import type { PageModel } from '../requests/routes.js'
import { Act, CopyButton, Mounted, sendOnEnter, submitting } from './parts.js'

export interface AnswerProps {
  page: Page
  shown: Shown
  before?: Exchange
  isLast: boolean
  isRunning: boolean
  /** The model that would answer now. */
  model: PageModel
  changed: readonly ChangedExpert[]
}

/** The model's message: thoughts, content and calls, with buttons below. */
export function AnswerTurn({ page, shown, before, isLast, isRunning, model }: AnswerProps) {
  const { exchange } = shown
  const { answer } = exchange
  const { conversation } = page
  const regenerate = () => page.ask((options) => conversation.askInstead(exchange, exchange.said, options))
  const resume = () => page.ask((options) => conversation.resume(exchange, options))
  const canAct = isLast && !isRunning
  // Another model would continue it under the name of this one.
  const canResume =
    answer.end !== 'whole' && answer.model === model.name && answer.body.text !== '' && answer.calls.length === 0
  return (
    <article class={`turn model${answer.isThinking ? ' thinking' : ''}`} aria-busy={answer.isBusy}>
      <h2 class="unseen">{answer.model}</h2>
      {answer.warnings
        .filter((warning) => !before?.answer.warnings.includes(warning))
        .map((warning) => (
          <p key={warning} class="warning soft tiny">
            {warning}
          </p>
        ))}
      {answer.hasThoughts && <Thoughts answer={answer} />}
      <Mounted node={answer.body.element} />
      {answer.calls.length > 0 && <Calls answer={answer} />}
      <p class="note tiny">{answer.note}</p>
      <div class="acts">
        {canAct && exchange.matters === undefined && page.panel.knowsTextOf(answer.body.element) && (
          <Act name="Which expert matters to the answer?" act={() => page.findMatters()}>
            Which expert matters?
          </Act>
        )}
        {!answer.isEmpty && !answer.isBusy && <CopyButton name="Copy the answer" text={() => answer.text} />}
        {canAct && (
          <Act name="Regenerate the answer" act={regenerate}>
            Regenerate
          </Act>
        )}
        {canAct && canResume && (
          <Act name="Continue the answer" act={resume}>
            Continue
          </Act>
        )}
        {shown.branches > 1 && <Pager page={page} shown={shown} isRunning={isRunning} />}
      </div>
      {answer.end !== 'cut' && answer.calls.length > 0 && <Results page={page} calls={answer.calls} isShown={isLast} />}
    </article>
  )
}

/** The thoughts before an answer, folded to a line. A click or a key opens them. */
function Thoughts({ answer }: { answer: Answer }) {
  const { isThinking, hasTextsOnly, thoughtsLine } = answer
  // Screen readers announce that the model thinks, and read the thoughts only on request.
  useEffect(() => {
    if (!hasTextsOnly) say(isThinking ? 'The model is thinking.' : `The model ${thoughtsLine}.`)
  }, [isThinking])
  return (
    <details class="thoughts" aria-live="off">
      <summary>{thoughtsLine}</summary>
      <Mounted node={answer.thoughts.element} />
    </details>
  )
}

/** The calls of an answer: the name and arguments of each, and the model's own notation, folded. */
function Calls({ answer }: { answer: Answer }) {
  return (
    <div class="calls">
      {answer.calls.map(({ name, arguments: given }, i) => (
        <section key={i} class="call">
          <h3 class="soft tiny">
            calls <code>{name}</code>
          </h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
          <pre tabIndex={0}>{laidOut(given) ?? given}</pre>
        </section>
      ))}
      {answer.notation.text !== '' && (
        <details class="notation" aria-live="off">
          <summary>as the model wrote it, {plural(answer.notationTokens, 'token')}</summary>
          <Mounted node={answer.notation.element} />
        </details>
      )}
    </div>
  )
}

interface PagerProps {
  page: Page
  shown: Shown
  isRunning: boolean
}

/** Leads to the other versions of an exchange. */
function Pager({ page, shown: { exchange, branch, branches }, isRunning }: PagerProps) {
  const place = useRef<HTMLSpanElement>(null)
  useLayoutEffect(() => {
    const { step } = exchange
    exchange.step = undefined
    if (step === undefined) return
    const [earlier, later] = place.current?.querySelectorAll('button') ?? []
    const [wanted, other] = step < 0 ? [earlier, later] : [later, earlier]
    const button = wanted.disabled ? other : wanted
    button.focus()
  }, [exchange])
  const choose = (step: -1 | 1) => () => page.conversation.choose(exchange, step)
  return (
    <span class="pager soft tiny" ref={place}>
      <Act name="Earlier version" disabled={isRunning || branch === 1} act={choose(-1)}>
        ‹
      </Act>
      <span>{`${branch} of ${branches}`}</span>
      <Act name="Later version" disabled={isRunning || branch === branches} act={choose(1)}>
        ›
      </Act>
    </span>
  )
}

interface ResultsProps {
  page: Page
  calls: readonly Call[]
  isShown: boolean
}

/**
 * Fields for the results of an answer's calls, a message each. The user runs the tools, since the page has none. They
 * keep their texts when they are hidden: the server may refuse the results.
 */
function Results({ page, calls, isShown }: ResultsProps) {
  const form = useRef<HTMLFormElement>(null)
  const give = () => {
    const fields = form.current?.querySelectorAll('textarea') ?? []
    const results = calls.map(({ id }, i) => ({ role: 'tool' as const, tool_call_id: id, content: fields[i].value }))
    page.ask((options) => page.conversation.ask(results, options))
  }
  return (
    <form class="results" hidden={!isShown} ref={form} onSubmit={submitting(give)}>
      {calls.map(({ name }, i) => (
        <label key={i} class="small soft">
          Result of {name}
          {calls.length > 1 && ` (call ${i + 1})`}
          <textarea rows={2} onKeyDown={sendOnEnter} />
        </label>
      ))}
      <button type="submit">{calls.length > 1 ? 'Send results' : 'Send result'}</button>
    </form>
  )
}
