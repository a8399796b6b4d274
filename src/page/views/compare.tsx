import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { RoutedToken } from '../../api/wire.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import { figureSections, figureSentences } from '../../insight/pictures/html/html-sections.js'
import { drawUsage, withoutNumbers } from '../../insight/pictures/kinds/usage-figure.js'
import type { Page } from '../conversations/page.js'
import { GrowingText } from '../markdown/growing-text.js'
import { layerRoutes, type PageModel } from '../requests/routes.js'
import { Alert, sendOnEnter, submitting } from './parts.js'

interface CompareProps {
  page: Page
  isShown: boolean
  model: PageModel
  atlas?: Atlas
  hasNumbers: boolean
}

/** The Compare view: the figure of `molm experts` for the texts in two fields. */
export function Compare({ page, isShown, model, atlas, hasNumbers }: CompareProps) {
  const fields = [useRef<HTMLTextAreaElement>(null), useRef<HTMLTextAreaElement>(null)]
  const [read, setRead] = useState<RoutedToken[][]>()
  const [alert, setAlert] = useState('')
  const [waiting, setWaiting] = useState('')
  const [running, setRunning] = useState<AbortController>()
  useEffect(() => () => running?.abort(), [running])
  // A figure is of one model, so it goes before the next one is painted.
  useLayoutEffect(() => {
    setRunning(undefined)
    setRead(undefined)
    setAlert('')
  }, [model])
  const compare = async () => {
    const own = new AbortController()
    setRunning(own)
    setAlert('')
    const begin = page.models.watch(setWaiting)
    try {
      const texts = fields.map(({ current }) => current?.value ?? '')
      const found = await Promise.all(texts.map((text) => page.api.read(model.name, text, own.signal)))
      if (!own.signal.aborted) setRead(found)
    } catch (error) {
      if (!own.signal.aborted) setAlert((error as Error).message)
    } finally {
      begin()
      setWaiting('')
      setRunning((now) => (now === own ? undefined : now))
    }
  }
  return (
    <section id="compare" aria-label="compare" hidden={!isShown}>
      <form id="comparison" aria-busy={running !== undefined} onSubmit={submitting(compare)}>
        <p class="note">
          How do two texts use the experts? Each is read on its own, without a template and without an answer.
        </p>
        <div class="two">
          {['First', 'Second'].map((name, i) => (
            <label key={name} class="small soft">
              {name}
              <textarea
                id={name.toLowerCase()}
                rows={2}
                required
                defaultValue={['The capital of France is Paris.', 'const sum = (a, b) => a + b;'][i]}
                ref={fields[i]}
                onKeyDown={sendOnEnter}
              />
            </label>
          ))}
        </div>
        <div class="buttons">
          <button type="submit">Compare</button>
        </div>
        <p class="note" id="comparison-waiting" role="status">
          {waiting}
        </p>
        <Alert id="comparison-alert">{alert}</Alert>
      </form>
      <Figure read={read} model={model} atlas={atlas} hasNumbers={hasNumbers} />
    </section>
  )
}

interface FigureProps {
  hasNumbers: boolean
  read?: RoutedToken[][]
  model: PageModel
  atlas?: Atlas
}

/** The figure of two texts, drawn for the width that it has. */
function Figure({ read, model, atlas, hasNumbers }: FigureProps) {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const { current: figure } = place
    if (figure) new ResizeObserver(() => setWidth(figure.clientWidth)).observe(figure)
  }, [])
  useLayoutEffect(() => {
    const { current: figure } = place
    if (!figure) return
    figure.replaceChildren()
    if (!read || width === 0) return
    const texts = read.map((tokens, i) => textOf(['first', 'second'][i], tokens, model))
    const all = drawUsage(texts, { atlas })
    const blocks = all.blocks.map((block) => (block.type === 'maps' && !hasNumbers ? withoutNumbers(block) : block))
    const drawn = { ...all, blocks }
    const side = Math.max(300, width >= 800 ? width / 2 - 16 : width)
    figure.innerHTML = figureSections(drawn, side, figureSentences(drawn))
    // Wide figures and tables scroll in their sections, so the keyboard must reach these.
    for (const section of figure.querySelectorAll<HTMLElement>('section:not(.text)')) section.tabIndex = 0
    figure.dispatchEvent(new Event('drawn', { bubbles: true }))
  }, [read, width, hasNumbers])
  return <div id="figure" ref={place} />
}

function textOf(name: string, tokens: readonly RoutedToken[], model: PageModel): GrowingText {
  const text = new GrowingText(name, model)
  for (const token of tokens) text.append(token, layerRoutes(token, model))
  // The tokens have no scores.
  text.surprise = undefined
  return text
}
