import { plural } from '../../ground/numbers.js'
import { awakeSentence, type ExpertPlace } from '../../lab/experts/usage/awake.js'
import { ExpertUsage } from '../../lab/experts/usage/usage.js'
import { percent } from '../../lab/pictures/blocks/labels.js'
import { mapImage } from '../../lab/pictures/html/html-sections.js'
import { usageMaps } from '../../lab/pictures/kinds/usage-figure.js'
import { byId, create } from '../elements/elements.js'
import { LiveImage } from '../elements/live-image.js'
import type { Api, ExpertWork } from '../requests/api.js'
import type { Models } from '../requests/models.js'
import { placeInWords } from './switched-off.js'

const EVERY_MS = 2_000
/** Caption before the first token. */
const UNUSED = 'The work of all experts'
const LEAST_WIDTH = 300
const MOST_WIDTH = 900

/** The view of the work of all experts, for all clients of the server together. Follows it while the view is shown. */
export class WorkView {
  private readonly caption = byId('work-caption', HTMLHeadingElement)
  private readonly since = byId('work-since', HTMLParagraphElement)
  private readonly alert = byId('work-alert', HTMLParagraphElement)
  private readonly map = byId('work-map', HTMLDivElement)
  private readonly most = byId('work-most', HTMLDivElement)
  private readonly image = new LiveImage(this.map)
  /** Own mark of this tab, so that other clients do not move it. */
  private readonly name = `page ${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`
  private mark?: string
  private isShown = false
  private timer?: number

  constructor(
    private readonly api: Api,
    private readonly models: Models,
  ) {
    byId('work-mark', HTMLButtonElement).addEventListener('click', () => this.markNow())
    byId('work-all', HTMLButtonElement).addEventListener('click', () => {
      this.mark = undefined
      this.refresh()
    })
  }

  /** Starts to follow the work, or stops. */
  show(isShown: boolean): void {
    this.isShown = isShown
    clearInterval(this.timer)
    if (!isShown) return
    this.timer = window.setInterval(() => this.refresh(), EVERY_MS)
    this.refresh()
  }

  /** Follows the work of another model, from the start on: a mark is of the model before. */
  begin(): void {
    this.mark = undefined
    this.image.clear()
    this.caption.textContent = UNUSED
    for (const element of [this.since, this.most]) element.replaceChildren()
    if (this.isShown) this.refresh()
  }

  /** Counts from now on, unless another model is chosen before the server has set the mark. */
  private async markNow(): Promise<void> {
    const { model } = this.models
    const isMarked = await this.attempt(async () => {
      await this.api.mark(model.name, this.name)
      return true
    })
    if (!isMarked || model !== this.models.model) return
    this.mark = this.name
    await this.refresh()
  }

  private async refresh(): Promise<void> {
    const { model } = this.models
    const work = await this.attempt(() => this.api.work(model.name, this.mark))
    if (work && model === this.models.model) this.draw(work)
  }

  /** Calls the server. Shows its error; the next success removes it. */
  private async attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await call()
      this.alert.textContent = ''
      return result
    } catch (error) {
      this.alert.textContent = (error as Error).message
      return undefined
    }
  }

  private draw({ tokens, since, usage: counts, most_used }: ExpertWork): void {
    const { model, atlas } = this.models
    const usage = ExpertUsage.counted(model.config, counts, tokens)
    this.caption.textContent = tokens === 0 ? UNUSED : awakeSentence(usage)
    const time = new Date(1000 * since).toLocaleTimeString()
    const beginning = this.mark === undefined ? `the server started, ${time}` : time
    this.since.textContent = `${plural(tokens, 'token')} of all clients, since ${beginning}`
    if (model.config.mixtures.length === 0) return
    const block = usageMaps([{ name: 'all clients', usage, model }], { atlas })
    const gini = {
      name: 'inequality (Gini)',
      short: 'Gini',
      meaning: 'Gini coefficient: 0 if all experts are used alike, close to 1 if one does all the work.',
      of: ({ kind, layer }: Pick<ExpertPlace, 'kind' | 'layer'>) =>
        tokens > 0 && usage.of(kind, layer).experts > 0 ? usage.of(kind, layer).gini : undefined,
    }
    const maps = block.maps.map((map) => ({ ...map, measures: [...map.measures, gini] }))
    const width = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, this.map.clientWidth))
    if (this.image.show(mapImage({ ...block, maps }, 0, width))) {
      this.map.dispatchEvent(new Event('drawn', { bubbles: true }))
    }
    this.most.replaceChildren(...(tokens > 0 ? mostUsed(most_used) : []))
  }
}

function mostUsed(experts: ExpertWork['most_used']): HTMLElement[] {
  const list = create('ol')
  for (const { name, share, ...place } of experts) {
    list.append(
      create('li', '', `${placeInWords(place)}${name ? ` (${name})` : ''}: used by ${percent(share)} of the tokens`),
    )
  }
  return [create('h3', '', 'Most used'), list]
}
