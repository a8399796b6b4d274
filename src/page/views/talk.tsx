import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import type { TextSection } from '../../lab/pictures/interactive/explore.js'
import { largestGate } from '../../model/config/routing.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { placeOf, placesOf } from '../experts/places.js'
import { ChangedExperts } from './changed-experts.js'
import { Colouring } from './colouring.js'
import { Composer } from './composer.js'
import { Experts } from './experts.js'
import { FirstScreen } from './first-screen.js'
import { Alert } from './parts.js'
import { Turns } from './turns.js'

/** The chat: the conversation, and the map of its experts. */
export function Talk({ page, state }: { page: Page; state: PageState }) {
  const section = useRef<TextSection>(null)
  const [pinned, setPinned] = useState<ExpertPlace>()
  const { view, model, atlas, path, changed, alert, keptNote } = state
  const { mixtures } = model.config
  useLayoutEffect(() => {
    const { current: place } = section
    if (!place) return
    place.routes = page.panel.routes
    place.addEventListener('pinned', (event) => setPinned(placeOf((event as CustomEvent<Element | null>).detail)))
    place.addEventListener('keydown', (event) => {
      const expert = placeOf(event.target as Element)
      if (!expert || event.key !== 'x' || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      page.toggle(expert)
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
      <Experts page={page} state={state} pinned={pinned} />
    </section>
  )
}
