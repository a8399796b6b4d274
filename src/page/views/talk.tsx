import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { TextSection } from '../../insight/pictures/interactive/explore.js'
import { bracketedName } from '../../insight/pictures/kinds/caption.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { pushText } from '../../model/config/mask-spec.js'
import { largestGate } from '../../model/config/routing.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { type ChangedExpert, placeInWords, placeOf, placesOf, specOf } from '../experts/places.js'
import type { Swatch } from '../experts/text-colouring.js'
import type { PageModel } from '../requests/routes.js'
import { Composer } from './composer.js'
import { Experts, showVoicesOf } from './experts.js'
import { Alert, focusMessage } from './parts.js'
import { Turns } from './turns.js'

/** The chat: the conversation, and the map of its experts. */
export function Talk({ page, state }: { page: Page; state: PageState }) {
  const section = useRef<TextSection>(null)
  const [pinned, setPinned] = useState<{ expert?: ExpertPlace; token?: number }>({})
  const { view, model, atlas, path, changed, alert, keptNote, colour, legend } = state
  const { mixtures } = model.config
  useLayoutEffect(() => {
    const { current: place } = section
    if (!place) return
    place.routes = page.panel.routes
    place.voices = page.panel.voices
    place.addEventListener('pinned', (event) => {
      const { detail } = event as CustomEvent<HTMLElement | null>
      const token = detail?.dataset.i
      setPinned({ expert: placeOf(detail), ...(token !== undefined && { token: Number(token) }) })
      // The details of a token are below a map that may be folded.
      if (token !== undefined) page.store.set({ isMapOpen: true })
    })
    place.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const target = event.target as HTMLElement
      const expert = placeOf(target)
      if (expert && event.key === 'x') page.toggle(expert)
      else if (event.key === 'm' && target.matches('.model:nth-last-child(1 of .model) .tokens [data-i]'))
        void page.findMatters(Number(target.dataset.i))
      else if (target.matches('.tokens [data-i]') && event.key === 'l')
        void showVoicesOf(page, place, Number(target.dataset.i))
      else return
      event.preventDefault()
    })
  }, [])
  useLayoutEffect(() => page.panel.mark([...placesOf(model.mask), ...changed]), [model, changed])
  useEffect(() => page.drawNames(), [atlas])
  return (
    <section
      class="text"
      id="talk"
      aria-label="chat"
      hidden={view !== 'chat'}
      data-kinds={mixtures.map(({ kind }) => kind).join(' ')}
      data-largest-gate={largestGate(mixtures)}
      ref={section}
    >
      <div id="conversation">
        {colour !== 'off' && <Legend legend={legend} />}
        <Turns page={page} state={state} />
        {path.length === 0 && (
          <FirstScreen model={model} about={state.inTab?.about} ask={(question) => page.send(question)} />
        )}
        {changed.length > 0 && <ChangedExperts page={page} changed={changed} atlas={atlas} />}
        <Alert id="alert">{alert}</Alert>
        <p class="note" id="kept-note" role="status">
          {keptNote}
        </p>
        <Composer page={page} state={state} />
      </div>
      <Experts page={page} state={state} {...pinned} />
    </section>
  )
}

/** Meanings of the colours of the text. */
function Legend({ legend }: { legend: readonly Swatch[] }) {
  return (
    <p id="colour-legend" class="flow note tiny">
      {legend.map(({ colour, meaning }) => (
        <span key={meaning} class="chip swatch" style={{ '--token': colour }}>
          {meaning}
        </span>
      ))}
    </p>
  )
}

/** The place of a conversation that has not begun: a sentence, and questions to click. */
interface FirstScreenProps {
  model: PageModel
  about?: string
  ask: (question: string) => void
}

function FirstScreen({ model, about, ask }: FirstScreenProps) {
  const click = (question: string) => {
    ask(question)
    // The button vanishes.
    focusMessage()
  }
  const hasExperts = model.config.mixtures.length > 0
  return (
    <div id="hint" class="stack">
      <h2>{hasExperts ? 'Ask, and see which experts each word wakes.' : 'Ask something.'}</h2>
      {about && (
        <p id="engine" class="note">
          {about}
        </p>
      )}
      {model.firstQuestions.length > 0 && (
        <ul id="questions" class="chips" aria-label="questions to begin with">
          {model.firstQuestions.map((question) => (
            <li key={question}>
              <button class="quiet" type="button" onClick={() => click(question)}>
                {question}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

interface ChangedExpertsProps {
  page: Page
  changed: readonly ChangedExpert[]
  atlas?: Atlas
}

/** The experts that the user has switched off or steers, above the message. */
function ChangedExperts({ page, changed, atlas }: ChangedExpertsProps) {
  const isSteered = changed.some(({ push }) => push !== undefined)
  return (
    <div id="switched-off" class="flow small">
      <p id="switched-off-title">{isSteered ? 'Answers are made with these changes' : 'Answers are made without'}</p>
      <ul id="switched-off-list" class="chips" aria-labelledby="switched-off-title">
        {changed.map((place) => {
          const words = placeInWords(place)
          const push = place.push === undefined ? '' : ` ${pushText(place.push)}`
          return (
            <li key={specOf(place)}>
              <button
                class="quiet low"
                type="button"
                title="switch on again"
                aria-label={`switch ${words} on again`}
                onClick={() => page.toggle(place)}
              >
                {`${words}${bracketedName(atlas, place)}${push} `}
                <span class="cross-out">×</span>
              </button>
            </li>
          )
        })}
      </ul>
      <button id="all-on" class="quiet low" type="button" onClick={() => page.change([])}>
        Let all back in
      </button>
    </div>
  )
}
