import type { Atlas } from '../../lab/experts/atlas/atlas.js'
import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { bracketedName } from '../../lab/pictures/kinds/caption.js'
import type { Page } from '../conversations/page.js'
import { placeInWords, specOf } from '../experts/places.js'

interface SwitchedOffProps {
  page: Page
  off: readonly ExpertPlace[]
  atlas?: Atlas
}

/** The experts that the user has switched off, above the message. */
export function SwitchedOff({ page, off, atlas }: SwitchedOffProps) {
  return (
    <div id="switched-off" class="flow small">
      <p id="switched-off-title">Switched off; answers are made without</p>
      <ul id="switched-off-list" class="chips" aria-labelledby="switched-off-title">
        {off.map((place) => {
          const words = placeInWords(place)
          return (
            <li key={specOf(place)}>
              <button
                class="quiet low"
                type="button"
                title="switch on again"
                aria-label={`switch ${words} on again`}
                onClick={() => page.toggle(place)}
              >
                {`${words}${bracketedName(atlas, place)} `}
                <span class="cross-out">×</span>
              </button>
            </li>
          )
        })}
      </ul>
      <button id="all-on" class="quiet low" type="button" onClick={() => page.switchOff([])}>
        Switch all on
      </button>
    </div>
  )
}
