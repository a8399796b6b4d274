import type { TargetedKeyboardEvent } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { formatCount, plural } from '../../ground/numbers.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { focusMessage, sendOnEnter, submitting } from './parts.js'

/** The field for messages, and its buttons. */
export function Composer({ page, state }: { page: Page; state: PageState }) {
  const { message, files, model, isReady, isRunning, view } = state
  const input = useRef<HTMLInputElement>(null)
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
      {files.length > 0 && (
        <ul id="files" class="chips small" aria-label="files before the message">
          {files.map((file, i) => (
            <li key={i}>
              <button
                class="quiet low"
                type="button"
                title="leave out"
                aria-label={`leave ${file.name} out`}
                onClick={() => page.store.set({ files: files.filter((other) => other !== file) })}
              >
                {`${file.name}, ${plural(file.text.length, 'character')} `}
                <span class="cross-out">×</span>
              </button>
            </li>
          ))}
        </ul>
      )}
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
        <button
          id="add-file"
          class="quiet apart"
          type="button"
          title="or drop text files on the page"
          onClick={() => input.current?.click()}
        >
          Add a file
        </button>
        <input
          type="file"
          multiple
          hidden
          aria-label="Text files"
          ref={input}
          onChange={({ currentTarget }) => {
            void page.attach([...(currentTarget.files ?? [])])
            currentTarget.value = ''
            focusMessage()
          }}
        />
        <button id="fresh" class="quiet" type="button" disabled={!isReady} onClick={fresh}>
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
