import { attachedText } from '../../chat/conversations/attached-text.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import type { Exchange } from '../answers/exchange.js'
import { lastingStorage } from '../elements/browser-storage.js'
import { Store } from '../elements/store.js'
import { ExpertsPanel } from '../experts/experts-panel.js'
import { type ChangedExpert, foundIn, placesIn, specOf, whyNotSwitched } from '../experts/places.js'
import { TextColouring } from '../experts/text-colouring.js'
import type { Api } from '../requests/api.js'
import { pageModel } from '../requests/routes.js'
import { filledSettings, readSettings, type Setting, wrongSetting } from '../requests/settings.js'
import { type AskOptions, Conversation, type Outcome } from './conversation.js'
import { Keeping } from './keeping.js'
import { KeptConversations } from './kept-conversations.js'
import { Models } from './models.js'
import { type LinkedQuestion, linkTo } from './page-link.js'
import { type PageState, type PageStore, VIEWS } from './page-state.js'

/** On narrower screens the map is folded, so that the text has room. */
const NARROW = matchMedia('(max-width: 37.5rem)')

/** Name of the switch for numbers in the storage. */
const NUMBERS = 'molm-numbers'

/** The page: its state, and the actions of the user. */
export class Page {
  readonly kept = new KeptConversations()
  readonly keeping: Keeping
  readonly panel: ExpertsPanel
  readonly models: Models
  private readonly colouring: TextColouring
  readonly conversation: Conversation
  /** A question without an answer, which is in the field again. */
  private returned?: string

  private constructor(
    readonly api: Api,
    readonly store: PageStore,
    all: readonly PageState['model'][],
  ) {
    const state = () => store.state
    this.panel = new ExpertsPanel(state, (part) => {
      const caption = { ...store.state.caption, ...part }
      const { woke, words } = store.state.caption
      if (caption.woke !== woke || caption.words !== words) store.set({ caption })
    })
    this.colouring = new TextColouring(state, (legend) => store.set({ legend }))
    this.models = new Models(api, all, store, () => this.beginModel())
    const { kept, models, panel, colouring } = this
    this.conversation = new Conversation({
      api,
      models,
      panel,
      colouring,
      store,
      id: () => this.keeping.id,
      changed: () => this.keeping.changed(),
    })
    this.keeping = new Keeping({ kept, conversation: this.conversation, models, store })
    addEventListener('hashchange', () => store.set({ view: viewInAddress() }))
    NARROW.addEventListener('change', () => store.set({ isMapOpen: !NARROW.matches }))
  }

  /** Asks the server for its models. Rejects if it does not answer. */
  static async open(api: Api): Promise<Page> {
    const { cards, others } = await api.models()
    const all = cards.map(pageModel)
    const store = new Store<PageState>({
      view: viewInAddress(),
      models: [],
      model: Models.first(all),
      others,
      isReady: false,
      isRunning: false,
      path: [],
      jumps: 0,
      message: '',
      files: [],
      alert: '',
      settings: filledSettings({}),
      changed: [],
      isMapOpen: !NARROW.matches,
      caption: { woke: '', words: '' },
      colour: 'off',
      legend: [],
      isAsWritten: false,
      keptNote: '',
      isListOpen: false,
      isSettingsOpen: false,
      hasNumbers: lastingStorage.get(NUMBERS) !== undefined,
      listChanges: 0,
    })
    const page = new Page(api, store, all)
    page.models.show(cards)
    return page
  }

  /** Loads the names of experts, and the conversation of the time before a reload. */
  async restore(): Promise<void> {
    await this.models.loadAtlas()
    await this.keeping.restore()
    this.store.set({ isReady: true })
  }

  /** Sends a question after the texts of the files. They return to their places if no answer came. */
  async send(text: string): Promise<void> {
    const { store, conversation } = this
    const { files } = store.state
    if ((text.trim() === '' && files.length === 0) || conversation.isRunning) return
    if (store.state.message === text) store.set({ message: '' })
    store.set({ files: [] })
    const content = [...files.map((file) => file.text), text].join('\n')
    const isKept = await this.ask((options) => conversation.ask([{ role: 'user', content }], options))
    if (isKept) return
    store.set({ files: [...files, ...store.state.files] })
    if (store.state.message !== '') return
    store.set({ message: text })
    this.returned = text
  }

  /** Puts the texts of files before the next message. What is no text is named in an error. */
  async attach(files: Iterable<File>): Promise<void> {
    const { store } = this
    store.set({ alert: '' })
    for (const file of files) {
      const { name, size } = file
      try {
        const text = await attachedText(name, size, async () => new Uint8Array(await file.arrayBuffer()))
        if (text.trim() === '') throw new Error(`${name}: the file is empty`)
        store.set({ files: [...store.state.files, { name, text }] })
      } catch (error) {
        // A folder has no bytes.
        const { name: kind, message } = error as Error
        store.set({ alert: kind === 'NotFoundError' ? `${name}: a folder, or a file that cannot be read` : message })
      }
    }
  }

  /** Asks with the settings. Returns whether question and answer stay in the conversation, and shows an error. */
  async ask(request: (options: AskOptions) => Promise<Outcome>): Promise<boolean> {
    const { store, conversation } = this
    if (conversation.isRunning) return false
    store.set({ alert: '' })
    try {
      const { settings, model, changed } = store.state
      const own = { ...readSettings(settings, model), mask: changed.map(specOf) }
      // A link to the question has the seed of its answer.
      const seed = own.seed ?? (this.isInTab ? Math.floor(Math.random() * 2 ** 31) : undefined)
      const { isKept, error } = await request({ ...own, seed })
      if (error) this.blame(error)
      return isKept
    } catch (error) {
      this.blame(error as Error)
      return false
    }
  }

  /** Whether the engine is in the tab. */
  get isInTab(): boolean {
    return this.store.state.inTab !== undefined
  }

  /** The address of this page that asks the question of an exchange with its seed and its changed experts. */
  linkTo({ said, request }: Exchange): string {
    const { settings, changed } = this.store.state
    const seed = String(request?.seed ?? settings.seed)
    const mask = request?.mask ?? changed.map(specOf)
    return linkTo({ question: said[0].content, settings: { ...settings, seed }, mask }, location.href)
  }

  /** Asks a question from a link, in a new conversation. */
  async openLink({ question, settings, mask }: LinkedQuestion): Promise<void> {
    this.fresh()
    this.store.set({ settings, changed: placesIn(this.store.state.model, mask) })
    await this.send(question)
  }

  /** Begins a new conversation. */
  fresh(): void {
    this.keeping.fresh()
    if (this.store.state.message === this.returned) this.store.set({ message: '' })
    this.store.set({ alert: '' })
  }

  /** Switches an expert off and answers the last question without it, or switches it on or frees it again. */
  async toggle({ kind, layer, expert }: ExpertPlace): Promise<void> {
    const { changed } = this.store.state
    const found = foundIn(changed, { kind, layer, expert })
    if (found) return this.change(changed.filter((one) => one !== found))
    await this.compare({ kind, layer, expert })
  }

  /** Pushes an expert's score, and answers the last question with that. A push of 0 frees it. */
  async steer({ kind, layer, expert }: ExpertPlace, push: number): Promise<void> {
    await this.compare({ kind, layer, expert, push })
  }

  private async compare(place: ChangedExpert): Promise<void> {
    const { conversation, store } = this
    const { changed, model, isMapOpen } = store.state
    if (conversation.isRunning || whyNotSwitched(model, place)) return
    const others = changed.filter((one) => one !== foundIn(changed, place))
    this.change(place.push === 0 ? others : [...others, place])
    if (!conversation.hasQuestion) return
    // A comparison below the conversation is to be seen.
    store.set({ isMapOpen: isMapOpen && !NARROW.matches })
    const mask = changed.map(specOf)
    const isAnswered = await this.ask((options) => conversation.askWithout(place, { ...options, mask }))
    // The server may not do without the expert.
    if (!isAnswered) this.change(changed)
  }

  /** Asks what the experts of a token say, unless that is known. Resolves with false if the server refuses. */
  async askVoices(token: number): Promise<boolean> {
    const { panel, store } = this
    const place = panel.places[token]
    if (!place || panel.voices[token]) return place !== undefined
    try {
      const voices = await this.api.lens(store.state.model.name, place)
      // The tokens may be of another conversation by now.
      if (panel.places[token] !== place) return false
      panel.voices[token] = voices
      return true
    } catch (error) {
      this.blame(error as Error)
      return false
    }
  }

  /** Finds the experts that matter to the last answer, or to one of its tokens. */
  async findMatters(token?: number): Promise<void> {
    const last = this.store.state.path.at(-1)?.exchange
    if (last) await this.ask(() => this.conversation.findMatters(last, token))
  }

  chooseModel(name: string): void {
    this.models.choose(name, true)
    this.conversation.forgetExperts()
    this.keeping.changed()
  }

  setSetting(setting: Setting, text: string): void {
    const { settings, wrong } = this.store.state
    this.store.set({
      settings: { ...settings, [setting]: text },
      wrong: wrong?.setting === setting ? undefined : wrong,
    })
  }

  showNumbers(hasNumbers: boolean): void {
    lastingStorage.set(NUMBERS, hasNumbers ? 'shown' : undefined)
    this.store.set({ hasNumbers })
    this.panel.drawSoon()
  }

  colourBy(colour: string): void {
    this.store.set({ colour })
    this.colouring.choose(colour)
  }

  /** Draws again with the names of the experts, which have come. */
  drawNames(): void {
    this.panel.drawSoon()
    this.colouring.paint(true)
  }

  /** Switches off or steers these experts, and no others. */
  change(changed: readonly ChangedExpert[]): void {
    this.store.set({ changed })
    this.keeping.changed()
  }

  /** Forgets what is of the model before. */
  private beginModel(): void {
    const { colour, model } = this.store.state
    const [kind, layer] = colour.split(' ')
    const mixture = model.config.mixtures.find((one) => one.kind === kind)
    const isColour = layer === undefined ? model.config.mixtures.length > 0 : (mixture?.experts[Number(layer)] ?? 0) > 0
    this.store.set({ changed: [], wrong: undefined })
    this.panel.begin()
    if (!isColour) this.colourBy('off')
  }

  /** Shows an error, at the setting that has caused it if one did. */
  private blame(error: Error): void {
    const wrong = wrongSetting(error)
    this.store.set(wrong ? { wrong, isSettingsOpen: true } : { alert: error.message })
  }
}

function viewInAddress(): PageState['view'] {
  return VIEWS.find((view) => view === location.hash.slice(1)) ?? 'chat'
}
