import { plural } from '../../ground/numbers.js'
import { type KeptHead, titleOf } from '../answers/kept-form.js'
import { byId, create } from '../elements/elements.js'
import { fileName, jsonOf, markdownOf, readFile, save } from './conversation-files.js'
import { ConversationRow } from './conversation-row.js'
import type { Keeping } from './keeping.js'
import { type Kept, type KeptConversations, whyNotKept } from './kept-conversations.js'

/** The list of conversations, in a drawer. */
export class ConversationList {
  private readonly drawer = byId('list', HTMLDialogElement)
  private readonly rows = byId('kept', HTMLUListElement)
  private readonly none = byId('kept-none', HTMLParagraphElement)
  private readonly alert = byId('list-alert', HTMLParagraphElement)
  private readonly keep = byId('keep', HTMLInputElement)
  private readonly file = byId('import-file', HTMLInputElement)
  private readonly deleteAll = byId('delete-all', HTMLButtonElement)
  private readonly sure = byId('delete-sure', HTMLDivElement)
  private readonly question = byId('delete-question', HTMLParagraphElement)
  private shown: ConversationRow[] = []
  /** Deleted conversations, which can be restored until the drawer is closed, with the row that says so. */
  private readonly deleted = new Map<string, HTMLElement>()
  private count = 0

  /** `done` is called when the user returns to the conversation. */
  constructor(
    private readonly store: KeptConversations,
    private readonly keeping: Keeping,
    done: () => void,
  ) {
    const on = (id: string, act: () => void) => byId(id, HTMLButtonElement).addEventListener('click', act)
    on('open-list', () => this.open())
    on('list-close', () => this.drawer.close())
    on('list-fresh', () => {
      keeping.fresh()
      this.drawer.close()
    })
    on('import', () => this.file.click())
    on('delete-all', () => this.ask(true))
    on('delete-cancel', () => this.ask(false))
    on('delete-yes', () => this.attempt(() => this.removeAll()))
    this.file.addEventListener('change', () => this.attempt(() => this.importFile()))
    this.keep.addEventListener('change', () => {
      keeping.isOn = this.keep.checked
    })
    // A click beside the drawer closes it.
    this.drawer.addEventListener('click', ({ target }) => {
      if (target === this.drawer) this.drawer.close()
    })
    this.drawer.addEventListener('close', () => {
      this.deleted.clear()
      this.shown = []
      this.rows.replaceChildren()
      done()
    })
  }

  /** Brings the list up to date, if it is shown. */
  async refresh(): Promise<void> {
    if (!this.drawer.open || this.shown.some(({ isBusy }) => isBusy)) return
    this.keep.checked = this.keeping.isOn
    const { heads, damaged } = await this.store.list().catch((error) => {
      this.alert.textContent = `Conversations are not kept: ${whyNotKept(error)}.`
      return { heads: [], damaged: [] }
    })
    if (this.shown.some(({ isBusy }) => isBusy)) return
    this.show(heads, damaged)
  }

  private open(): void {
    this.alert.textContent = ''
    this.ask(false)
    this.drawer.showModal()
    this.refresh()
  }

  private show(heads: readonly KeptHead[], damaged: readonly string[]): void {
    const { id: openId, head: own } = this.keeping
    const all = own && !heads.some(({ id }) => id === openId) ? [own, ...heads] : heads
    const focused = this.shown.find(({ element }) => element.contains(document.activeElement))?.id
    this.shown = all.map((head) => this.rowOf(head, head.id === openId))
    this.rows.replaceChildren(
      ...this.deleted.values(),
      ...this.shown.map(({ element }) => element),
      ...damaged.map((id) => this.damagedRow(id)),
    )
    this.count = heads.length + damaged.length
    this.none.hidden = this.rows.childElementCount > 0
    this.deleteAll.hidden = this.count === 0
    if (focused !== undefined) this.shown.find(({ id }) => id === focused)?.focus()
  }

  private rowOf(head: KeptHead, isOpen: boolean): ConversationRow {
    const { id } = head
    return new ConversationRow(head, isOpen, {
      open: () =>
        this.attempt(async () => {
          if (!isOpen) await this.keeping.show(id)
          this.drawer.close()
        }),
      rename: (name) =>
        this.attempt(async () => {
          if (isOpen) this.keeping.rename(name)
          await this.store.rename(id, name)
          await this.refresh()
        }),
      save: (ending) => this.attempt(() => this.save(head, isOpen, ending)),
      delete: () => this.attempt(() => this.remove(head, isOpen)),
    })
  }

  private damagedRow(id: string): HTMLElement {
    const row = create('li', 'row said')
    const button = create('button', 'act', 'Delete')
    button.type = 'button'
    button.addEventListener('click', () =>
      this.attempt(async () => {
        await this.store.delete(id)
        await this.refresh()
      }),
    )
    row.append(create('span', '', 'A conversation that is damaged'), button)
    return row
  }

  private async save(head: KeptHead, isOpen: boolean, ending: 'md' | 'json'): Promise<void> {
    const body = isOpen ? this.keeping.body : (await this.store.read(head.id))?.body
    if (!body) throw new Error('another tab has deleted this conversation')
    const name = `${fileName(titleOf(head))}.${ending}`
    if (ending === 'json') save(name, 'application/json', jsonOf(body))
    else save(name, 'text/markdown', markdownOf(body, head))
  }

  /** Deletes a conversation; a row in its place can restore it. */
  private async remove(head: KeptHead, isOpen: boolean): Promise<void> {
    const { id } = head
    const kept = head.version === 0 ? { head, body: this.keeping.body } : await this.store.read(id)
    if (head.version > 0) await this.store.delete(id)
    if (isOpen) this.keeping.forget()
    if (kept) this.deleted.set(id, this.deletedRow(kept, isOpen))
    this.rows.replaceChildren()
    this.shown = []
    await this.refresh()
    this.deleted.get(id)?.querySelector('button')?.focus()
  }

  private deletedRow(kept: Kept, wasOpen: boolean): HTMLElement {
    const { id } = kept.head
    const row = create('li', 'row said')
    const undo = create('button', 'act', 'Undo')
    undo.type = 'button'
    undo.addEventListener('click', () =>
      this.attempt(async () => {
        this.deleted.delete(id)
        if (kept.head.version === 0) this.keeping.begin(kept.body, kept.head.name)
        else {
          await this.store.write({ ...kept, head: { ...kept.head, version: 0 } }, false)
          if (wasOpen) await this.keeping.show(id)
        }
        await this.refresh()
        this.shown.find((row) => row.id === id)?.focus()
      }),
    )
    row.append(create('span', '', `Deleted “${titleOf(kept.head)}”`), undo)
    return row
  }

  /** Asks whether all conversations are to be deleted, or takes the question back. */
  private ask(isAsked: boolean): void {
    this.sure.hidden = !isAsked
    this.deleteAll.hidden = isAsked || this.count === 0
    this.question.textContent = `Delete ${plural(this.count, 'conversation')}? This cannot be undone.`
    if (isAsked) byId('delete-cancel', HTMLButtonElement).focus()
  }

  private async removeAll(): Promise<void> {
    await this.store.delete()
    this.deleted.clear()
    this.shown = []
    this.keeping.forget()
    this.ask(false)
    await this.refresh()
    byId('list-fresh', HTMLButtonElement).focus()
  }

  private async importFile(): Promise<void> {
    const [file] = this.file.files ?? []
    if (!file) return
    const body = await readFile(file).finally(() => {
      // So that the same file can be chosen again.
      this.file.value = ''
    })
    this.keeping.begin(body)
    this.drawer.close()
  }

  /** Does what the user asked for, or shows why it failed. */
  private async attempt(act: () => Promise<void>): Promise<void> {
    this.alert.textContent = ''
    await act().catch((error: Error) => {
      this.alert.textContent = `Not done: ${whyNotKept(error)}.`
    })
  }
}
