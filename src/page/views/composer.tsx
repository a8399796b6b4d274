import type { TargetedKeyboardEvent } from 'preact'
import { useEffect } from 'preact/hooks'
import { formatCount } from '../../ground/numbers.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { focusMessage, sendOnEnter, submitting } from './parts.js'

/** The field for messages, and its buttons. */
export function Composer({ page, state }: { page: Page; state: PageState }) {
  const { message, model, isReady, isRunning, view } = state
  useEffect(() => {
    if (isReady && view === 'chat') focusMessage()
  }, [isReady])
  const stop = () => {
    page.conversation.stop()
    // The button vanishes, and the keyboard would begin at the top of the page.
    focusMessage()
  }
  const fresh = () => {
    page.fresh()
    focusMessage()
  }
  const press = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === 'Escape') page.conversation.stop()
    sendOnEnter(event)
  }
  return (
    <form
      id="composer"
      class={isRunning ? 'running' : ''}
      onSubmit={submitting(() => page.send(page.store.state.message))}
    >
      <textarea
        id="message"
        rows={2}
        aria-label="message"
        placeholder={model.isChat ? `Ask ${model.name} something` : 'A text to be continued'}
        autocomplete="off"
        value={message}
        onInput={({ currentTarget }) => page.store.set({ message: currentTarget.value })}
        onKeyDown={press}
      />
      <div class="buttons">
        {isRunning ? (
          <button key="stop" id="stop" type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button key="send" id="send" type="submit" disabled={!isReady}>
            Send
          </button>
        )}
        <p id="context" class="note tiny" title="Tokens that the model read and wrote for the last answer">
          {contextOf(state)}
        </p>
        <button id="fresh" class="quiet apart" type="button" disabled={!isReady} onClick={fresh}>
          New chat
        </button>
      </div>
    </form>
  )
}

/** How full the context of the model is, if that is known: `context 63 of 512`. */
function contextOf({ path, model: { contextTokens: limit } }: PageState): string {
  const tokens = path.at(-1)?.exchange.answer.contextTokens
  if (tokens === undefined || limit === undefined) return ''
  return `context ${formatCount(tokens)} of ${formatCount(limit)}`
}
