import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { type Setting, thinkOf, type WrongSetting } from '../requests/settings.js'
import { Alert } from './parts.js'

interface SettingsProps {
  page: Page
  state: PageState
}

/** How messages are answered. An empty field means the model's default. */
export function SettingsForm({ page, state }: SettingsProps) {
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
