import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { TextSection } from '../../insight/pictures/interactive/explore.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { largestGate } from '../../model/config/routing.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { placeOf, placesOf } from '../experts/places.js'
import { ChangedExperts } from './changed-experts.js'
import { Colouring } from './colouring.js'
import { Composer } from './composer.js'
import { Experts, showVoicesOf } from './experts.js'
import { FirstScreen } from './first-screen.js'
import { Alert } from './parts.js'
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
