import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Atlas } from '../../insight/atlas/atlas.js'
import { TITLES } from '../../insight/pictures/blocks/figure.js'
import type { TextSection } from '../../insight/pictures/interactive/explore.js'
import { bracketedName } from '../../insight/pictures/kinds/caption.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { pushText } from '../../model/config/mask-spec.js'
import { largestGate } from '../../model/config/routing.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { type ChangedExpert, placeInWords, placeOf, placesOf, specOf } from '../experts/places.js'
import type { PageModel } from '../requests/routes.js'
import { Composer } from './composer.js'
import { Experts, showVoicesOf } from './experts.js'
import { Alert, focusMessage } from './parts.js'
import { Turns } from './turns.js'

/** The chat: the conversation, and the map of its experts. */
export function Talk({ page, state }: { page: Page; state: PageState }) {
  const section = useRef<TextSection>(null)
  const [pinned, setPinned] = useState<{ expert?: ExpertPlace; token?: number }>({})
  const { view, model, atlas, path, changed, alert, keptNote } = state
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
    })
    place.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const target = event.target as HTMLElement
      const expert = placeOf(target)
      if (expert && event.key === 'x') page.toggle(expert)
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
        {path.length > 0 && <Colouring page={page} state={state} />}
        <Turns page={page} state={state} />
        {path.length === 0 && <FirstScreen model={model} ask={(question) => page.send(question)} />}
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

/** The place of a conversation that has not begun: questions to click, and how the map is read. */
function FirstScreen({ model, ask }: { model: PageModel; ask: (question: string) => void }) {
  const click = (question: string) => {
    ask(question)
    // The button vanishes.
    focusMessage()
  }
  return (
    <div id="hint" class="stack soft">
      {model.firstQuestions.length > 0 && (
        <ul id="questions" class="chips" aria-label="questions to begin with">
          {model.firstQuestions.map((question) => (
            <li key={question}>
              <button class="quiet low" type="button" onClick={() => click(question)}>
                {question}
              </button>
            </li>
          ))}
        </ul>
      )}
      <p>
        Write a message. The map shows which experts each token of the answer wakes, as it comes: a row is a layer, a
        cell an expert.
      </p>
      <p>
        Point at a token to see its experts, or at an expert or a layer’s number to see its tokens. A click or{' '}
        <kbd>Enter</kbd> pins the selection, <kbd>Esc</kbd> unpins it. <kbd>Tab</kbd> goes to tokens and cells, the
        arrow keys move between them.
      </p>
      <p>
        Click an expert and switch it off, or press <kbd>x</kbd> on it: the last question is answered again without it,
        and the words that differ are marked.
      </p>
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
      <p id="switched-off-title">
        {isSteered ? 'Switched off or steered; answers are made so' : 'Switched off; answers are made without'}
      </p>
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
        {isSteered ? 'Free all' : 'Switch all on'}
      </button>
    </div>
  )
}

/** Names of the kinds within a sentence. */
const NAMES = { attention: 'attention', mlp: 'MLP' }

/** Chooses the property that colours the text, and explains its colours. */
function Colouring({ page, state }: { page: Page; state: PageState }) {
  const { colour, legend, isAsWritten } = state
  const { mixtures } = state.model.config
  return (
    <div id="colouring" class="flow small soft">
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
        as written
      </label>
      <p id="colour-legend" class="flow note">
        {legend.map(({ colour, meaning }) => (
          <span key={meaning} class="chip swatch" style={{ '--token': colour }}>
            {meaning}
          </span>
        ))}
      </p>
    </div>
  )
}
