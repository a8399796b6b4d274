import type { Atlas } from '../../insight/atlas/atlas.js'
import { lastingStorage } from '../elements/browser-storage.js'
import type { Api } from '../requests/api.js'
import type { ModelCard, PageModel } from '../requests/routes.js'
import type { PageStore } from './page-state.js'

/** Name in the lasting storage of the model that the user chose last. */
const LAST = 'molm-model'
/** Ms between looks at the states of several models. */
const EVERY_MS = 15_000
/** Ms that a request waits in silence, and between looks at the state of its model. */
const WAIT_MS = 500

/** The models of the server. With several, the user chooses the one that answers. */
export class Models {
  private readonly atlases = new Map<PageModel, Atlas>()
  private readonly states = new Map<string, ModelCard['status']>()

  /** `changed` is called when another model is chosen. */
  constructor(
    private readonly api: Api,
    private readonly all: readonly PageModel[],
    private readonly store: PageStore,
    private readonly changed: () => void,
  ) {
    if (all.length < 2) return
    document.addEventListener('visibilitychange', () => this.refresh())
    setInterval(() => this.refresh(), EVERY_MS)
  }

  /** The model that answers first: the user's choice of the last time, if the server has it. */
  static first(all: readonly PageModel[]): PageModel {
    return all.find(({ name }) => name === lastingStorage.get(LAST)) ?? all[0]
  }

  /** Chooses a model by its name. Returns false if the server does not have it. */
  choose(name: string, isByUser = false): boolean {
    const model = this.all.find((one) => one.name === name)
    if (isByUser) lastingStorage.set(LAST, name)
    if (!model || model === this.store.state.model) return model !== undefined
    this.store.set({ model, atlas: this.atlases.get(model) })
    this.changed()
    // A map without names is still a map.
    this.loadAtlas().catch(() => undefined)
    return true
  }

  /** Loads the names of the model's experts, if it has any. */
  async loadAtlas(): Promise<void> {
    const { model } = this.store.state
    if (!model.hasAtlas || this.atlases.has(model)) return
    const atlas = await this.api.atlas(model.name)
    this.atlases.set(model, atlas)
    if (model === this.store.state.model) this.store.set({ atlas })
  }

  /** Calls `show` with a line while a request waits for its model. Returns a function that ends this. */
  watch(show: (line: string) => void): () => void {
    const { name } = this.store.state.model
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
      if (this.all.length > 1) this.refresh()
    }
  }

  /** Looks at the states again. Nothing changes if the server does not answer. */
  async refresh(evenHidden = false): Promise<void> {
    if (document.visibilityState === 'hidden' && !evenHidden) return
    const { cards } = await this.api.models(false).catch(() => ({ cards: [] }))
    this.show(cards)
  }

  show(cards: readonly ModelCard[]): void {
    for (const { id, status } of cards) this.states.set(id, status)
    const models = this.all.map(({ name }) => ({ name, label: labelOf(this.shortName(name), this.states.get(name)) }))
    this.store.set({ models })
  }

  /** A name without its owner, unless another model has the same. */
  private shortName(name: string): string {
    const last = lastPart(name)
    return this.all.some((other) => other.name !== name && lastPart(other.name) === last) ? name : last
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
