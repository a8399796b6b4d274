import { figureSections, figureSentences } from '../../lab/pictures/html/html-sections.js'
import { drawUsage } from '../../lab/pictures/kinds/usage-figure.js'
import { byId } from '../elements/elements.js'
import type { Api } from '../requests/api.js'
import type { Models } from '../requests/models.js'
import { type RoutedToken, textRoutes } from '../requests/routes.js'

/** The Compare view: the figure of `molm experts` for the texts in two fields. */
export class Comparison {
  private readonly form = byId('comparison', HTMLFormElement)
  private readonly fields = [byId('first', HTMLTextAreaElement), byId('second', HTMLTextAreaElement)]
  private readonly figure = byId('figure', HTMLDivElement)
  private readonly alert = byId('comparison-alert', HTMLParagraphElement)
  private readonly waiting = byId('comparison-waiting', HTMLParagraphElement)
  private read?: RoutedToken[][]
  private running?: AbortController
  private width = 0

  constructor(
    private readonly api: Api,
    private readonly models: Models,
  ) {
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.compare()
    })
    for (const field of this.fields) {
      field.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
          event.preventDefault()
          this.form.requestSubmit()
        }
      })
    }
    new ResizeObserver(() => {
      if (this.read && this.figure.clientWidth !== this.width) this.draw(this.read)
    }).observe(this.figure)
  }

  /** Forgets the figure, which is of another model. */
  clear(): void {
    this.running?.abort()
    this.read = undefined
    this.figure.replaceChildren()
    this.alert.textContent = ''
  }

  private async compare(): Promise<void> {
    this.running?.abort()
    const running = new AbortController()
    this.running = running
    this.alert.textContent = ''
    this.form.setAttribute('aria-busy', 'true')
    const { name } = this.models.model
    const begin = this.models.watch((line) => {
      this.waiting.textContent = line
    })
    try {
      const texts = this.fields.map(({ value }) => value)
      const read = await Promise.all(texts.map((text) => this.api.read(name, text, running.signal)))
      running.signal.throwIfAborted()
      this.read = read
      this.draw(read)
    } catch (error) {
      if (!running.signal.aborted) this.alert.textContent = (error as Error).message
    } finally {
      begin()
      if (this.running === running) {
        this.form.removeAttribute('aria-busy')
        this.waiting.textContent = ''
      }
    }
  }

  private draw([first, second]: RoutedToken[][]): void {
    this.width = this.figure.clientWidth
    const { model, atlas } = this.models
    const texts = [textRoutes('first', first, model), textRoutes('second', second, model)]
    const figure = drawUsage(texts, { atlas })
    this.figure.innerHTML = figureSentences(figure) + figureSections(figure, Math.max(300, this.width))
    // Wide figures and tables scroll in their sections, so the keyboard must reach these.
    for (const section of this.figure.querySelectorAll<HTMLElement>('section:not(.text)')) section.tabIndex = 0
    this.figure.dispatchEvent(new Event('drawn', { bubbles: true }))
  }
}
