import { useEffect, useLayoutEffect } from 'preact/hooks'
import type { Page } from '../conversations/page.js'
import { type PageState, VIEWS } from '../conversations/page-state.js'
import { useStore } from '../elements/store.js'
import { Compare } from './compare.js'
import { ConversationList } from './conversation-list.js'
import { focusMessage } from './parts.js'
import { Settings } from './settings.js'
import { Talk } from './talk.js'

const TITLES = { chat: 'Chat', compare: 'Compare' }

/** The whole page. */
export function App({ page }: { page: Page }) {
  const state = useStore(page.store)
  const { view, model, atlas } = state
  useLayoutEffect(() => {
    document.title = `${model.name} · molm`
  }, [model])
  useEffect(() => takeFiles(page), [])
  return (
    <>
      <Header page={page} state={state} />
      <main>
        <Talk page={page} state={state} />
        <Compare page={page} isShown={view === 'compare'} model={model} atlas={atlas} hasNumbers={state.hasNumbers} />
      </main>
      <ConversationList page={page} state={state} />
      <Settings page={page} state={state} />
    </>
  )
}

/** Takes files that are dropped anywhere: the browser would leave the page for them. */
function takeFiles(page: Page): void {
  const show = (isOver: boolean) => document.documentElement.classList.toggle('dropping', isOver)
  addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    show(page.store.state.view === 'chat')
  })
  addEventListener('dragleave', ({ relatedTarget }) => void (relatedTarget ?? show(false)))
  addEventListener('drop', (event) => {
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length === 0) return
    event.preventDefault()
    show(false)
    if (page.store.state.view === 'chat') void page.attach(files).then(focusMessage)
  })
}

interface HeaderProps {
  page: Page
  state: PageState
}

function Header({ page, state: { view, models, model, isRunning } }: HeaderProps) {
  return (
    <header class="flow">
      <button
        id="open-list"
        class="sign"
        type="button"
        aria-haspopup="dialog"
        aria-label="Conversations"
        title="Conversations"
        onClick={() => page.store.set({ isListOpen: true })}
      >
        <svg viewBox="0 0 16 16" width="16" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">
          <path d="M2 4h12M2 8h12M2 12h8" />
        </svg>
      </button>
      <h1>molm</h1>
      {models.length > 1 && (
        <div id="model-choice" class="small soft">
          <label for="model">Model</label>
          <select
            id="model"
            value={model.name}
            disabled={isRunning}
            onFocus={() => page.models.refresh()}
            onInput={({ currentTarget }) => page.chooseModel(currentTarget.value)}
          >
            {models.map(({ name, label }) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </select>
        </div>
      )}
      {models.length === 1 && <p class="small soft">{model.name}</p>}
      <nav class="flow apart" aria-label="views">
        {VIEWS.map((name) => (
          <a key={name} id={`to-${name}`} href={`#${name}`} aria-current={name === view ? 'page' : undefined}>
            {TITLES[name]}
          </a>
        ))}
        <button
          id="open-settings"
          class="quiet"
          type="button"
          aria-haspopup="dialog"
          onClick={() => page.store.set({ isSettingsOpen: true })}
        >
          Settings
        </button>
      </nav>
    </header>
  )
}
