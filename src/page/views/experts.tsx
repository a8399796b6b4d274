import { useMemo } from 'preact/hooks'
import { wordsOf } from '../../lab/experts/atlas/words-of-expert.js'
import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { quotedWords } from '../../lab/pictures/kinds/usage-caption.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { isAmong, whyNotSwitched } from '../experts/places.js'
import { Mounted } from './parts.js'

interface ExpertsProps {
  page: Page
  state: PageState
  /** The expert of the pinned cell. */
  pinned?: ExpertPlace
}

/** The map of the answers' experts, with what is known of the token or the expert that the user points at. */
export function Experts({ page, state, pinned }: ExpertsProps) {
  const { caption, path, isMapOpen } = state
  const areUnknown = page.panel.answers.tokens.length === 0 && path.some(({ exchange }) => exchange.answer.hasTextsOnly)
  return (
    <details
      id="experts"
      open={isMapOpen}
      onToggle={({ currentTarget }) => page.store.set({ isMapOpen: currentTarget.open })}
    >
      <summary>
        <h2 id="caption">{caption.woke ? `All answers: ${caption.woke}` : 'Experts of the answers'}</h2>
      </summary>
      <p id="caption-words" class="small soft">
        {areUnknown
          ? 'Answers of an earlier visit, or before another model was chosen, have their texts only.'
          : caption.words}
      </p>
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
            {pinned && <CellActions page={page} state={state} place={pinned} />}
          </div>
          <span class="pin apart" />
        </div>
        <div class="detail" />
        <p class="note tiny" id="units">
          Entropy (bits): log2 of the number of experts if all are used alike, 0 if one is. Fairness (Jain): 1 if all
          are used alike.
        </p>
      </div>
    </details>
  )
}

/** The words that woke an expert, and a button to switch it off. */
function CellActions({ page, state, place }: ExpertsProps & { place: ExpertPlace }) {
  const { model, off, isRunning, path } = state
  const words = useMemo(() => quotedWords(wordsOf(page.panel.answers, place)), [place, isRunning, path])
  const why = whyNotSwitched(model, place)
  return (
    <>
      {words && <span>woken here by {words}</span>}
      {why ? (
        <span class="note">{why}</span>
      ) : (
        <button class="low" type="button" title="or press x" onClick={() => page.toggle(place)}>
          {isAmong(off, place) ? 'Switch on' : 'Switch off'}
        </button>
      )}
    </>
  )
}
