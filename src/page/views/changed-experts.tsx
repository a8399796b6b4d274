import type { Atlas } from '../../insight/atlas/atlas.js'
import { bracketedName } from '../../insight/pictures/kinds/caption.js'
import { pushText } from '../../model/config/mask-spec.js'
import type { Page } from '../conversations/page.js'
import { type ChangedExpert, placeInWords, specOf } from '../experts/places.js'

interface ChangedExpertsProps {
  page: Page
  changed: readonly ChangedExpert[]
  atlas?: Atlas
}

/** The experts that the user has switched off or steers, above the message. */
export function ChangedExperts({ page, changed, atlas }: ChangedExpertsProps) {
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
