import { Queue } from '../../ground/queue.js'
import { beginningOf, IMPORTED, type KeptBody, type KeptHead, pathOf, titleOf } from '../answers/kept-form.js'
import { lastingStorage, tabStorage } from '../elements/browser-storage.js'
import { placesIn, specOf } from '../experts/places.js'
import { filledSettings } from '../requests/settings.js'
import type { Conversation } from './conversation.js'
import { ChangedElsewhere, type KeptChange, type KeptConversations, whyNotKept } from './kept-conversations.js'
import type { Models } from './models.js'
import type { PageStore } from './page-state.js'

/** Name in the tab's storage of the conversation that a reload opens again. */
const OPEN = 'molm-conversation'
/** Name in the lasting storage of the choice to keep nothing. */
const OFF = 'molm-keep'
/** Ms between writes of an answer that is coming. */
const EVERY_MS = 1_000

/** The open conversation as it is stored. */
interface Open {
  id: string
  /** Version that this tab has read or written last; 0 if it is not stored yet. */
  version: number
  /** A name that the user gave. */
  name?: string
  /** Number of exchanges when another tab deleted it. It is kept again with the next one. */
  deletedAt?: number
}

interface PageParts {
  kept: KeptConversations
  conversation: Conversation
  models: Models
  store: PageStore
}

/** Keeps the open conversation: at each question, each second of an answer, and at its end. */
export class Keeping {
  private open: Open = newConversation()
  /** Writes and reads, one after the other. */
  private readonly queue = new Queue()
  private timer?: number
  /** Whether the note says that the latest write failed. */
  private hasFailed = false
  /** Writes that are not done yet. */
  private pending = 0

  constructor(private readonly parts: PageParts) {
    parts.kept.follow((change) => this.queue.run(() => this.follow(change)))
    // The last second of an answer, if the browser still has the time to write it.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden' && parts.conversation.isRunning) this.save()
    })
  }

  get id(): string {
    return this.open.id
  }

  get isOn(): boolean {
    return lastingStorage.get(OFF) !== 'off'
  }

  /** Keeps conversations from now on, or no longer. Those that are kept stay. */
  set isOn(on: boolean) {
    lastingStorage.set(OFF, on ? undefined : 'off')
    this.note('')
    this.changed()
  }

  /** The open conversation as an entry of the list; undefined before its first question. */
  get head(): KeptHead | undefined {
    const { conversation } = this.parts
    return conversation.hasQuestion ? this.headOf(this.body) : undefined
  }

  get body(): KeptBody {
    const { conversation, store } = this.parts
    const { settings, model, changed } = store.state
    return conversation.kept({ ...settings, model: model.name, mask: changed.map(specOf).join(' ') })
  }

  /** Opens the conversation of the time before a reload, if there is one. */
  async restore(): Promise<void> {
    const id = tabStorage.get(OPEN)
    if (id === undefined) return
    await this.show(id).catch((error) => this.note(`The conversation is not open again: ${whyNotKept(error)}.`))
  }

  /** Opens a kept conversation in place of the open one. Rejects if it cannot be read. */
  async show(id: string): Promise<void> {
    this.leave()
    await this.queue.run(async () => {
      const kept = await this.parts.kept.read(id)
      if (!kept) throw new Error('it was deleted in another tab')
      this.take(kept)
      this.fill(kept.body)
    })
  }

  /** Opens a conversation that is not kept yet, and keeps it. */
  begin(body: KeptBody, name?: string): void {
    this.leave()
    this.take({ head: newConversation(name), body })
    this.fill(body)
    this.changed()
  }

  /** Begins a new conversation. The one before stays kept. */
  fresh(): void {
    this.leave()
    this.forget()
  }

  /** Begins a new conversation in place of one that is deleted. */
  forget(): void {
    this.parts.conversation.clear()
    this.open = newConversation()
    tabStorage.set(OPEN, undefined)
    this.note('')
    this.listChanged()
  }

  /** Gives the open conversation a name before it is kept. */
  rename(name: string): void {
    this.open.name = name || undefined
  }

  /** Keeps a change of the open conversation. */
  changed(): void {
    this.listChanged()
    clearInterval(this.timer)
    if (this.parts.conversation.isRunning) {
      this.timer = window.setInterval(() => this.save(), EVERY_MS)
      if (!this.hasFailed) this.note('')
    }
    this.save()
  }

  /** Writes the open conversation as it is now. */
  private save(): void {
    const { conversation } = this.parts
    if (!this.isOn || !conversation.hasQuestion) return
    const [open, body, { isRunning }] = [this.open, this.body, conversation]
    this.pending++
    this.queue
      .run(() => this.write(open, body, isRunning))
      .finally(() => {
        this.pending--
      })
  }

  private async write(open: Open, body: KeptBody, isRunning: boolean): Promise<void> {
    if (open.deletedAt !== undefined && body.exchanges.length <= open.deletedAt) return
    try {
      open.version = await this.parts.kept.write({ head: this.headOf(body, open), body }, isRunning)
      open.deletedAt = undefined
      if (open !== this.open) return
      tabStorage.set(OPEN, open.id)
      if (this.hasFailed) this.note('')
      this.hasFailed = false
      this.listChanged()
    } catch (error) {
      if (!(error instanceof ChangedElsewhere)) {
        this.hasFailed = true
        this.note(`This conversation is not kept: ${whyNotKept(error)}.`)
      } else if (error.isDeleted) {
        this.loseTrack(open, body)
      } else {
        Object.assign(open, newConversation(`${titleOf(this.headOf(body, open))} (copy)`))
        await this.write(open, body, isRunning)
        this.note('Another tab has changed this conversation, too. This tab keeps its own as a copy.')
      }
    }
  }

  /** Follows a change by another tab, unless this tab has turns that are not kept yet. */
  private async follow({ id, isRunning }: KeptChange): Promise<void> {
    this.listChanged()
    const { open } = this
    if ((id !== undefined && id !== open.id) || open.version === 0) return
    if (isRunning || this.isAhead) return
    const kept = await this.parts.kept.read(open.id).catch(() => undefined)
    if (open !== this.open || this.isAhead) return
    if (!kept) this.loseTrack(open, this.body)
    else if (kept.head.version !== open.version) this.take(kept)
    else open.name = kept.head.name
  }

  /** Continues without a stored conversation, since another tab has deleted it. */
  private loseTrack(open: Open, body: KeptBody): void {
    Object.assign(open, newConversation(open.name), { deletedAt: body.exchanges.length })
    if (open !== this.open) return
    tabStorage.set(OPEN, undefined)
    this.note('Another tab has deleted this conversation. Your next question keeps it again.')
  }

  /** Whether the screen has more than the storage, or is about to. */
  private get isAhead(): boolean {
    const { isRunning, isEditing } = this.parts.conversation
    return isRunning || isEditing || this.pending > 0 || this.hasFailed || !this.isOn
  }

  /** Keeps an answer that is coming as far as it came, and ends it. */
  private leave(): void {
    clearInterval(this.timer)
    if (this.parts.conversation.isRunning) this.save()
  }

  private take({ head, body }: { head: Open; body: KeptBody }): void {
    const { conversation, models, store } = this.parts
    const model = body.settings.model ?? pathOf(body).at(-1)?.answer.model ?? IMPORTED
    const isHere = model === IMPORTED || models.choose(model)
    store.set({ changed: placesIn(store.state.model, (body.settings.mask ?? '').split(' ')) })
    conversation.load(body)
    this.open = { id: head.id, version: head.version, name: head.name }
    tabStorage.set(OPEN, head.version > 0 ? head.id : undefined)
    const { name } = store.state.model
    this.note(isHere ? '' : `${model} answered here, which this server does not have. ${name} answers now.`)
    this.listChanged()
  }

  private fill({ settings }: KeptBody): void {
    this.parts.store.set({ settings: filledSettings(settings), wrong: undefined })
  }

  private note(keptNote: string): void {
    this.parts.store.set({ keptNote })
  }

  /** The list of conversations, or the open one, has changed. */
  private listChanged(): void {
    const { store } = this.parts
    store.set({ listChanges: store.state.listChanges + 1 })
  }

  private headOf(body: KeptBody, { id, version, name } = this.open): KeptHead {
    const path = pathOf(body)
    const questions = path.flatMap(({ said }) => said.filter(({ role }) => role === 'user'))
    return {
      id,
      version,
      name,
      title: beginningOf(questions[0]?.content ?? ''),
      model: path.at(-1)?.answer.model ?? '',
      questions: questions.length,
      changed: Date.now(),
    }
  }
}

/** A conversation that is not stored yet. Its id begins with the time, so that ids are in order. */
function newConversation(name?: string): Open {
  const random = crypto.getRandomValues(new Uint32Array(2))
  return { id: `${Date.now().toString(36)}-${[...random].map((part) => part.toString(36)).join('')}`, version: 0, name }
}
