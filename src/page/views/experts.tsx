import { useMemo, useState } from 'preact/hooks'
import { formatCount } from '../../ground/numbers.js'
import { wordsOf } from '../../insight/atlas/words-of-expert.js'
import { percent } from '../../insight/pictures/blocks/labels.js'
import type { TextSection } from '../../insight/pictures/interactive/explore.js'
import { showVoices } from '../../insight/pictures/interactive/voices.js'
import { expertsPerToken } from '../../insight/pictures/kinds/caption.js'
import { quotedWords } from '../../insight/pictures/kinds/usage-caption.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { pushText } from '../../model/config/mask-spec.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { foundIn, whyNotSwitched } from '../experts/places.js'
import { WokenBytes } from './kept-files.js'
import { Mounted } from './parts.js'

interface ExpertsProps {
  page: Page
  state: PageState
  /** The expert of the pinned cell. */
  expert?: ExpertPlace
  /** The number of the pinned token. */
  token?: number
}

/** The map of the answers' experts, with what is known of the token or the expert that the user points at. */
export function Experts({ page, state, expert, token }: ExpertsProps) {
  const { caption, path, model, isMapOpen, hasNumbers } = state
  const { mixtures } = model.config
  const isWaiting = path.length === 0 && mixtures.length > 0
  const all = mixtures.flatMap(({ experts }) => experts).reduce((sum, experts) => sum + experts, 0)
  const areUnknown = page.panel.answers.tokens.length === 0 && path.some(({ exchange }) => exchange.answer.hasTextsOnly)
  return (
    <details
      id="experts"
      class={`${hasNumbers ? 'numbered' : ''} ${isWaiting ? 'waiting' : ''}`}
      open={isMapOpen}
      onToggle={({ currentTarget }) => page.store.set({ isMapOpen: currentTarget.open })}
    >
      <summary>
        <h2 id="caption">{caption.woke || (isWaiting ? `${formatCount(all)} experts, all asleep` : 'Experts')}</h2>
      </summary>
      <p id="caption-words" class="small soft">
        {areUnknown
          ? 'Answers of an earlier visit, or before another model was chosen, have their texts only.'
          : isWaiting
            ? `${expertsPerToken(model)}: as many as have a ring`
            : caption.words}
      </p>
      {state.inTab && caption.woke && (
        <WokenBytes inTab={state.inTab} answers={page.panel.answers.usage} isRunning={state.isRunning} />
      )}
      {areUnknown && (
        <button
          id="read-again"
          class="quiet low small"
          type="button"
          onClick={() => page.ask((options) => page.conversation.readAgain(options))}
        >
          Read again to see their experts
        </button>
      )}
      <div class="map">
        <Mounted node={page.panel.map} />
        <div id="pinned" class="flow small">
          <div id="cell-actions" class="flow">
            {expert && <CellActions page={page} state={state} place={expert} />}
            {token !== undefined && <TokenActions key={token} page={page} token={token} />}
          </div>
          <span class="pin apart" />
        </div>
        <div class="detail" />
        <div class="voices" />
        {hasNumbers && (
          <p class="note tiny" id="units">
            Entropy (bits): log2 of the number of experts if all are used alike, 0 if one is. Fairness (Jain): 1 if all
            are used alike.
          </p>
        )}
      </div>
    </details>
  )
}

/** A button that asks what the experts of a token say. */
function TokenActions({ page, token }: { page: Page; token: number }) {
  const [isAsked, setAsked] = useState(false)
  if (!page.panel.places[token]) {
    return (
      <span class="note">what its experts say is not known: the server reports no experts of a text this long</span>
    )
  }
  const ask = async ({ currentTarget }: { currentTarget: HTMLElement }) => {
    const section = currentTarget.closest<TextSection>('section.text')
    setAsked(true)
    if (section) await showVoicesOf(page, section, token)
    setAsked(false)
  }
  return (
    <button class="low" type="button" title="or press l at a token" disabled={isAsked} onClick={ask}>
      {isAsked ? 'Reading' : 'Why this word, and what next'}
    </button>
  )
}

/** Shows what the experts of a token say, below the map, if the token is still pinned when the answer comes. */
export async function showVoicesOf(page: Page, section: TextSection, token: number): Promise<void> {
  const isPinned = () => section.querySelector<HTMLElement>('.tokens .pinned')?.dataset.i === String(token)
  if (!isPinned()) section.querySelector<HTMLElement>(`.tokens [data-i="${token}"]`)?.click()
  if ((await page.askVoices(token)) && isPinned()) showVoices(section, String(token))
}

/** Largest push of the slider, in spreads of the scores, and its step. */
const MOST_PUSH = 3
const STEP = 0.5

/** The labels of an expert, the words that woke it here, a button to switch it off, and a slider to steer it. */
function CellActions({ page, state, place }: ExpertsProps & { place: ExpertPlace }) {
  const { model, atlas, changed, isRunning, path } = state
  const words = useMemo(() => quotedWords(wordsOf(page.panel.answers, place)), [place, isRunning, path])
  const why = whyNotSwitched(model, place)
  const found = foundIn(changed, place)
  const { push = 0 } = found ?? {}
  const labels = atlas?.entries[place.kind]?.[place.layer]?.[place.expert]?.labels ?? []
  return (
    <>
      {labels.length > 0 && (
        <span>in the atlas: {labels.map(({ text, share }) => `${text} ${percent(share)}`).join(', ')}</span>
      )}
      {words && <span>woken here by {words}</span>}
      {why ? (
        <span class="note">{why}</span>
      ) : (
        <>
          <button class="low" type="button" title="or press x" onClick={() => page.toggle(place)}>
            {found === undefined ? 'Switch off' : found.push === undefined ? 'Switch on' : 'Free it'}
          </button>
          <label class="steer">
            Steer
            <input
              type="range"
              min={-MOST_PUSH}
              max={MOST_PUSH}
              step={STEP}
              value={push}
              disabled={isRunning || (found !== undefined && found.push === undefined)}
              onChange={({ currentTarget }) => page.steer(place, currentTarget.valueAsNumber)}
            />
            <output>{pushText(push)}</output>
          </label>
        </>
      )}
    </>
  )
}
