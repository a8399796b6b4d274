import type { Atlas } from '../../lab/experts/atlas/atlas.js'
import { lastingStorage } from '../elements/browser-storage.js'
import { byId } from '../elements/elements.js'
import type { Api } from './api.js'
import { type ModelCard, type PageModel, pageModel } from './routes.js'

/** Name in the lasting storage of the model that the user chose last. */
const LAST = 'molm-model'
/** Ms between looks at the states of several models. */
const EVERY_MS = 15_000
/** Ms that a request waits in silence, and between looks at the state of its model. */
const WAIT_MS = 500

export interface ModelActions {
  /** Another model is chosen, by the user or for a kept conversation. */
  changed(): void
  /** The user has chosen another model. Called after `changed`. */
  chosen(): void
  /** The names of the model's experts have come. */
  named(): void
}

/** The models of the server, and the one that answers. With several, the user chooses it. */
export class Models {
  private readonly select = byId('model', HTMLSelectElement)
  private readonly all: readonly PageModel[]
  private readonly atlases = new Map<PageModel, Atlas>()
  private readonly states = new Map<string, ModelCard['status']>()
  private current: PageModel

  constructor(
    private readonly api: Api,
    cards: readonly ModelCard[],
    private readonly actions: ModelActions,
  ) {
    this.all = cards.map(pageModel)
    this.select.replaceChildren(...this.all.map(({ name }) => new Option('', name)))
    this.current = this.named(lastingStorage.get(LAST)) ?? this.all[0]
    this.select.value = this.current.name
    this.showStates(cards)
    byId('model-choice', HTMLDivElement).hidden = !this.areSeveral
    if (!this.areSeveral) return
    this.select.addEventListener('change', () => {
      lastingStorage.set(LAST, this.select.value)
      this.choose(this.select.value)
      actions.chosen()
    })
    this.select.addEventListener('focus', () => this.refresh())
    document.addEventListener('visibilitychange', () => this.refresh())
    setInterval(() => this.refresh(), EVERY_MS)
  }

  /** The model that answers. */
  get model(): PageModel {
    return this.current
  }

  /** The names of its experts; undefined if it has none, or before they have come. */
  get atlas(): Atlas | undefined {
    return this.atlases.get(this.current)
  }

  get areSeveral(): boolean {
    return this.all.length > 1
  }

  /** Whether the user cannot choose, since an answer is coming. */
  set isBusy(busy: boolean) {
    this.select.disabled = busy
  }

  /** Chooses a model by its name. Returns false if the server does not have it. */
  choose(name: string): boolean {
    const model = this.named(name)
    if (!model) return false
    if (model === this.current) return true
    this.current = model
    this.select.value = name
    this.actions.changed()
    // A map without names is still a map.
    this.loadAtlas().catch(() => undefined)
    return true
  }

  /** Loads the names of the model's experts, if it has any. */
  async loadAtlas(): Promise<void> {
    const model = this.current
    if (!model.hasAtlas || this.atlases.has(model)) return
    this.atlases.set(model, await this.api.atlas(model.name))
    if (model === this.current) this.actions.named()
  }

  /** Calls `show` with a line while a request waits for its model. Returns a function that ends this. */
  watch(show: (line: string) => void): () => void {
    const { name } = this.current
    let isOver = false
    const look = async () => {
      await this.refresh(true)
      if (isOver) return
      const line = waitingLine(name, this.states.get(name)?.value)
      if (line) show(line)
      timer = setTimeout(look, WAIT_MS)
    }
    let timer = setTimeout(look, WAIT_MS)
    return () => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      // The other models may have made room.
      if (this.areSeveral) this.refresh()
    }
  }

  /** Looks at the states again. Nothing changes if the server does not answer. */
  private async refresh(evenHidden = false): Promise<void> {
    if (document.visibilityState === 'hidden' && !evenHidden) return
    const { cards } = await this.api.models(false).catch(() => ({ cards: [] }))
    this.showStates(cards)
  }

  private showStates(cards: readonly ModelCard[]): void {
    for (const { id, status } of cards) this.states.set(id, status)
    for (const option of this.select.options) {
      const label = labelOf(this.shortName(option.value), this.states.get(option.value))
      if (option.text !== label) option.text = label
    }
  }

  /** A name without its owner, unless another model has the same. */
  private shortName(name: string): string {
    const last = lastPart(name)
    return this.all.some((other) => other.name !== name && lastPart(other.name) === last) ? name : last
  }

  private named(name?: string): PageModel | undefined {
    return this.all.find((model) => model.name === name)
  }
}

/** A model in the list: `coder · sleeping`. */
function labelOf(name: string, status: ModelCard['status']): string {
  if (!status) return name
  return `${name} · ${status.failed ? 'could not be loaded' : status.value}`
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** The line below an answer that has not begun, by the state of its model. */
function waitingLine(name: string, state?: string): string | undefined {
  if (state === 'loading') return `loading ${name} …`
  if (state === 'unloaded') return `waiting until ${name} can be loaded …`
  return undefined
}
