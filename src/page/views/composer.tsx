import type { TargetedKeyboardEvent } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { formatCount } from '../../ground/numbers.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { type Setting, thinkOf, type WrongSetting } from '../requests/settings.js'
import { Alert, focusMessage, sendOnEnter, submitting } from './parts.js'

/** The field for messages, its buttons, and the settings. */
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
        placeholder={model.isChat ? 'Message' : 'A text to be continued'}
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
      <SettingsForm page={page} state={state} />
    </form>
  )
}

/** How full the context of the model is, if that is known: `context 63 of 512`. */
function contextOf({ path, model: { contextTokens: limit } }: PageState): string {
  const tokens = path.at(-1)?.exchange.answer.contextTokens
  if (tokens === undefined || limit === undefined) return ''
  return `context ${formatCount(tokens)} of ${formatCount(limit)}`
}

interface SettingsProps {
  page: Page
  state: PageState
}

/** How messages are answered. An empty field means the model's default. */
function SettingsForm({ page, state }: SettingsProps) {
  const { settings, model, wrong, others } = state
  const place = useRef<HTMLDetailsElement>(null)
  useLayoutEffect(() => {
    const { current: details } = place
    if (!wrong || !details) return
    details.open = true
    const field = details.querySelector<HTMLElement>(`#${wrong.setting}`)
    field?.focus()
    field?.parentElement?.scrollIntoView({ block: 'nearest' })
  }, [wrong])
  const bind = (id: Setting) => ({
    id,
    value: settings[id],
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => page.setSetting(id, currentTarget.value),
  })
  const [other = 'NAME'] = others
  return (
    <details id="settings" ref={place}>
      <summary>Settings</summary>
      <div class="fields small">
        <p class="note" id="other-models">
          {others.length > 0 && `Also on this computer: ${others.join(', ')}. `}
          To choose among several models here, start{' '}
          <code>
            molm serve -m {state.models[0]?.name} -m {other}
          </code>
        </p>
        <label for="system">System prompt</label>
        <textarea rows={2} disabled={!model.isChat} {...bind('system')} />
        <div class="numbers">
          <NumberField label="Temperature" placeholder="model’s" max="2" {...bind('temperature')} />
          <NumberField label="Max tokens" placeholder="model’s" min="1" step="1" {...bind('max-tokens')} />
          <NumberField label="Seed" placeholder="any" step="1" {...bind('seed')} />
          {model.thinking.length > 0 && (
            <>
              <label>
                Thinking{' '}
                <select {...bind('think')} value={thinkOf(settings, model)}>
                  <option value="">model’s</option>
                  {model.thinking.map((think) => (
                    <option key={think}>{think}</option>
                  ))}
                </select>
              </label>
              <NumberField label="Max thinking" placeholder="no limit" step="1" {...bind('think-budget')} />
            </>
          )}
        </div>
        <JsonField
          label="Answer as JSON by this schema"
          placeholder='{"type": "object", "properties": {"city": {"type": "string"}}}'
          disabled={!model.isChat}
          wrong={wrong}
          {...bind('schema')}
        />
        {model.callsTools && (
          <JsonField
            label="Tools, in OpenAI’s form; you answer the calls"
            placeholder='[{"type": "function", "function": {"name": "get_weather", "parameters": {…}}}]'
            wrong={wrong}
            {...bind('tools')}
          />
        )}
      </div>
    </details>
  )
}

interface FieldProps {
  id: Setting
  label: string
  placeholder: string
  value: string
  onInput: (event: { currentTarget: { value: string } }) => void
}

function NumberField({ label, ...field }: FieldProps & { min?: string; max?: string; step?: string }) {
  return (
    <label>
      {label} <input type="number" min="0" step="any" {...field} />
    </label>
  )
}

/** A field for JSON, with a line below it for what is wrong. */
function JsonField({ id, label, wrong, ...field }: FieldProps & { disabled?: boolean; wrong?: WrongSetting }) {
  const why = wrong?.setting === id ? wrong.why : ''
  return (
    <div>
      <label for={id}>{label}</label>
      <textarea
        {...field}
        id={id}
        rows={2}
        spellcheck={false}
        aria-invalid={why !== '' || undefined}
        aria-describedby={`${id}-alert`}
      />
      <Alert id={`${id}-alert`}>{why}</Alert>
    </div>
  )
}
