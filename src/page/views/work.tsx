import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { plural } from '../../ground/numbers.js'
import type { Atlas } from '../../lab/experts/atlas/atlas.js'
import { awakeSentence, type ExpertPlace } from '../../lab/experts/usage/awake.js'
import { ExpertUsage } from '../../lab/experts/usage/usage.js'
import { percent } from '../../lab/pictures/blocks/labels.js'
import { mapImage } from '../../lab/pictures/html/html-sections.js'
import { usageMaps } from '../../lab/pictures/kinds/usage-figure.js'
import { LiveImage } from '../elements/live-image.js'
import { placeInWords, specOf } from '../experts/places.js'
import type { Api, ExpertWork } from '../requests/api.js'
import type { PageModel } from '../requests/routes.js'
import { Alert } from './parts.js'

const EVERY_MS = 2_000
const LEAST_WIDTH = 300
const MOST_WIDTH = 900
/** Own mark of this tab, so that other clients do not move it. */
const MARK = `page ${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`

interface WorkProps {
  api: Api
  isShown: boolean
  model: PageModel
  atlas?: Atlas
}

/** The work of all experts of a model, for all clients of the server together. Follows it while the view is shown. */
export function Work({ api, isShown, model, atlas }: WorkProps) {
  const [work, setWork] = useState<ExpertWork>()
  const [alert, setAlert] = useState('')
  /** The mark to count from, a new object each time that it is set; by default, all is counted. */
  const [mark, setMark] = useState<{ name: string }>()
  const show = (error?: Error) => setAlert(error?.message ?? '')
  useEffect(() => {
    if (!isShown) return
    let isOver = false
    const refresh = async () => {
      const found = await api.work(model.name, mark?.name).catch((error: Error) => error)
      if (isOver) return
      if (found instanceof Error) return show(found)
      show()
      setWork(found)
    }
    refresh()
    const timer = setInterval(refresh, EVERY_MS)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [isShown, mark])
  const markNow = () => api.mark(model.name, MARK).then(() => setMark({ name: MARK }), show)
  const usage = work && ExpertUsage.counted(model.config, work.usage, work.tokens)
  const hasWork = work !== undefined && work.tokens > 0
  return (
    <section id="work" aria-label="all work" hidden={!isShown}>
      <h2 id="work-caption">{hasWork && usage ? awakeSentence(usage) : 'The work of all experts'}</h2>
      <p id="work-since" class="note">
        {work && sinceInWords(work, mark !== undefined)}
      </p>
      <div class="buttons">
        <button id="work-mark" type="button" onClick={markNow}>
          Count from now
        </button>
        <button id="work-all" class="quiet" type="button" onClick={() => setMark(undefined)}>
          Count from the start
        </button>
      </div>
      <Alert id="work-alert">{alert}</Alert>
      <WorkMap usage={usage} model={model} atlas={atlas} />
      <div id="work-most">
        {hasWork && (
          <>
            <h3>Most used</h3>
            <ol>
              {work.most_used.map(({ name, share, ...place }) => (
                <li key={specOf(place)}>
                  {`${placeInWords(place)}${name ? ` (${name})` : ''}: used by ${percent(share)} of the tokens`}
                </li>
              ))}
            </ol>
          </>
        )}
      </div>
    </section>
  )
}

function sinceInWords({ tokens, since }: ExpertWork, isMarked: boolean): string {
  const time = new Date(1000 * since).toLocaleTimeString()
  return `${plural(tokens, 'token')} of all clients, since ${isMarked ? time : `the server started, ${time}`}`
}

interface MapProps {
  usage?: ExpertUsage
  model: PageModel
  atlas?: Atlas
}

function WorkMap({ usage, model, atlas }: MapProps) {
  const place = useRef<HTMLDivElement>(null)
  const image = useRef<LiveImage | null>(null)
  useLayoutEffect(() => {
    const { current: map } = place
    if (!map || !usage || model.config.mixtures.length === 0) return
    image.current ??= new LiveImage(map)
    const block = usageMaps([{ name: 'all clients', usage, model }], { atlas })
    const gini = {
      name: 'inequality (Gini)',
      short: 'Gini',
      meaning: 'Gini coefficient: 0 if all experts are used alike, close to 1 if one does all the work.',
      of: ({ kind, layer }: Pick<ExpertPlace, 'kind' | 'layer'>) =>
        usage.tokens > 0 && usage.of(kind, layer).experts > 0 ? usage.of(kind, layer).gini : undefined,
    }
    const maps = block.maps.map((own) => ({ ...own, measures: [...own.measures, gini] }))
    const width = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, map.clientWidth))
    if (image.current.show(mapImage({ ...block, maps }, 0, width))) {
      map.dispatchEvent(new Event('drawn', { bubbles: true }))
    }
  })
  return <div id="work-map" ref={place} />
}
