import { TITLES } from '../../insight/pictures/blocks/figure.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'

/** Names of the kinds within a sentence. */
const NAMES = { attention: 'attention', mlp: 'MLP' }

/** Chooses the property that colours the text, and explains its colours. */
export function Colouring({ page, state }: { page: Page; state: PageState }) {
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
