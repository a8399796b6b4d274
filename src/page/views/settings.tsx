import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { NAMES, TITLES } from '../../insight/pictures/blocks/figure.js'
import { alwaysLine, expertsPerToken, modelTitle, newExpertsLine } from '../../insight/pictures/kinds/caption.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { keepTheme, themeOf } from '../elements/theme.js'
import type { PageModel } from '../requests/routes.js'
import { type Setting, thinkOf, type WrongSetting } from '../requests/settings.js'
import { KeptFiles } from './kept-files.js'
import { Alert, focusMessage } from './parts.js'

interface SettingsProps {
  page: Page
  state: PageState
}

/** A drawer: how the page looks, and how messages are answered. An empty field means the model's default. */
export function Settings({ page, state }: SettingsProps) {
  const { settings, model, wrong, others, isSettingsOpen, colour, isAsWritten, hasNumbers, inTab } = state
  const drawer = useRef<HTMLDialogElement>(null)
  const [theme, setTheme] = useState(themeOf)
  useLayoutEffect(() => {
    if (isSettingsOpen) drawer.current?.showModal()
  }, [isSettingsOpen])
  useLayoutEffect(() => {
    const field = wrong && drawer.current?.querySelector<HTMLElement>(`#${wrong.setting}`)
    field?.focus()
    field?.parentElement?.scrollIntoView({ block: 'nearest' })
  }, [wrong, isSettingsOpen])
  const close = () => {
    page.store.set({ isSettingsOpen: false })
    if (state.view === 'chat') focusMessage()
  }
  const chooseTheme = ({ currentTarget }: { currentTarget: { value: string } }) => {
    setTheme(currentTarget.value)
    keepTheme(currentTarget.value)
  }
  const { mixtures } = model.config
  const bind = (id: Setting) => ({
    id,
    value: settings[id],
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => page.setSetting(id, currentTarget.value),
  })
  const [other = 'NAME'] = others
  return (
    <dialog id="settings" class="drawer" aria-label="settings" ref={drawer} onClose={close}>
      <div class="flow">
        <h2>Settings</h2>
        <button
          id="close-settings"
          class="sign apart"
          type="button"
          aria-label="Close"
          onClick={() => drawer.current?.close()}
        >
          ×
        </button>
      </div>
      <div class="fields small">
        <p id="about" class="soft">
          {aboutOf(model).join('; ')}
        </p>
        <label>
          Light or dark{' '}
          <select id="theme" value={theme} onInput={chooseTheme}>
            <option value="">as the system</option>
            <option value="light">light</option>
            <option value="dark">dark</option>
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            id="numbers"
            checked={hasNumbers}
            onInput={({ currentTarget }) => page.showNumbers(currentTarget.checked)}
          />{' '}
          numbers beside the map
        </label>
        <label>
          Colour the text by{' '}
          <select
            id="colour-by"
            value={colour}
            disabled={mixtures.length === 0}
            onInput={({ currentTarget }) => page.colourBy(currentTarget.value)}
          >
            <option value="off">nothing</option>
            <option value="surprise">surprise</option>
            <option value="sleepers">rarely woken experts</option>
            {mixtures.map(({ kind, experts }) => (
              <optgroup key={kind} label={TITLES[kind]}>
                {experts.map(
                  (count, layer) =>
                    count > 0 && (
                      <option key={layer} value={`${kind} ${layer}`}>
                        {`strongest ${NAMES[kind]} expert of layer ${layer}`}
                      </option>
                    ),
                )}
              </optgroup>
            ))}
          </select>
        </label>
        <label title="With the marks of Markdown, each token by itself">
          <input
            type="checkbox"
            id="as-written"
            checked={isAsWritten}
            onInput={({ currentTarget }) => page.store.set({ isAsWritten: currentTarget.checked })}
          />{' '}
          show Markdown as written
        </label>
        {!inTab && (
          <p class="note" id="other-models">
            {others.length > 0 && `Also on this computer: ${others.join(', ')}. `}
            To choose among several models here, start{' '}
            <code>
              molm serve -m {state.models[0]?.name} -m {other}
            </code>
          </p>
        )}
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
        {inTab && <KeptFiles inTab={inTab} isShown={isSettingsOpen} />}
      </div>
    </dialog>
  )
}

function aboutOf(model: PageModel): string[] {
  const experts = model.config.mixtures.length > 0 ? expertsPerToken(model) : 'without experts'
  return [modelTitle(model), experts, ...alwaysLine(model), ...newExpertsLine(model)]
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
