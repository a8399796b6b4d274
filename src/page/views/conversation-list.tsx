import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { plural } from '../../ground/numbers.js'
import { type KeptHead, titleOf } from '../answers/kept-form.js'
import { fileName, jsonOf, markdownOf, readFile, save } from '../conversations/conversation-files.js'
import { type Kept, whyNotKept } from '../conversations/kept-conversations.js'
import type { Page } from '../conversations/page.js'
import type { PageState } from '../conversations/page-state.js'
import { ConversationRow } from './conversation-row.js'
import { Alert, focusMessage } from './parts.js'

/** A deleted conversation, which can be restored until the list is closed. */
interface Deleted extends Kept {
  wasOpen: boolean
}

export function ConversationList({ page, state }: { page: Page; state: PageState }) {
  const { kept, keeping, store } = page
  const { isListOpen, listChanges, view } = state
  const drawer = useRef<HTMLDialogElement>(null)
  const file = useRef<HTMLInputElement>(null)
  const [heads, setHeads] = useState<readonly KeptHead[]>([])
  const [damaged, setDamaged] = useState<readonly string[]>([])
  const [deleted, setDeleted] = useState<readonly Deleted[]>([])
  const [restored, setRestored] = useState<string>()
  const [alert, setAlert] = useState('')
  const close = () => drawer.current?.close()

  /** Does what the user asked for, or shows why it failed. */
  const attempt = async (act: () => unknown) => {
    setAlert('')
    try {
      await act()
    } catch (error) {
      setAlert(`Not done: ${whyNotKept(error)}.`)
    }
  }
  const refresh = async () => {
    try {
      const found = await kept.list()
      setHeads(found.heads)
      setDamaged(found.damaged)
    } catch (error) {
      setHeads([])
      setAlert(`Conversations are not kept: ${whyNotKept(error)}.`)
    }
  }
  useLayoutEffect(() => {
    if (isListOpen) drawer.current?.showModal()
  }, [isListOpen])
  useEffect(() => {
    if (isListOpen) refresh()
  }, [isListOpen, listChanges])
  const closed = () => {
    setDeleted([])
    setAlert('')
    store.set({ isListOpen: false, alert: '' })
    if (view === 'chat') focusMessage()
  }

  const own = useMemo(() => (isListOpen ? keeping.head : undefined), [isListOpen, listChanges])
  const all = own && !heads.some(({ id }) => id === own.id) ? [own, ...heads] : heads
  const saveAs = async (head: KeptHead, ending: 'md' | 'json') => {
    const body = head.id === keeping.id ? keeping.body : (await kept.read(head.id))?.body
    if (!body) throw new Error('another tab has deleted this conversation')
    const name = `${fileName(titleOf(head))}.${ending}`
    if (ending === 'json') save(name, 'application/json', jsonOf(body))
    else save(name, 'text/markdown', markdownOf(body, head))
  }
  const remove = async (head: KeptHead) => {
    const wasOpen = head.id === keeping.id
    const whole = head.version === 0 ? { head, body: keeping.body } : await kept.read(head.id)
    if (head.version > 0) await kept.delete(head.id)
    if (wasOpen) keeping.forget()
    if (whole) setDeleted([...deleted, { ...whole, wasOpen }])
    await refresh()
  }
  const restore = async ({ head, body, wasOpen }: Deleted) => {
    setDeleted(deleted.filter((one) => one.head.id !== head.id))
    setRestored(head.id)
    if (head.version === 0) keeping.begin(body, head.name)
    else {
      await kept.write({ head: { ...head, version: 0 }, body }, false)
      if (wasOpen) await keeping.show(head.id)
    }
    await refresh()
  }
  const removeAll = async () => {
    await kept.delete()
    setDeleted([])
    keeping.forget()
    await refresh()
    drawer.current?.querySelector<HTMLElement>('#list-fresh')?.focus()
  }
  const importFile = async (input: HTMLInputElement) => {
    const [chosen] = input.files ?? []
    if (!chosen) return
    const body = await readFile(chosen).finally(() => {
      // So that the same file can be chosen again.
      input.value = ''
    })
    keeping.begin(body)
    close()
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, too
    <dialog
      id="list"
      class="drawer"
      aria-labelledby="list-title"
      ref={drawer}
      onClose={closed}
      // A click beside the drawer closes it.
      onClick={({ target }) => target === drawer.current && close()}
    >
      <div class="flow">
        <h2 id="list-title">Conversations</h2>
        <button id="list-close" class="sign apart" type="button" aria-label="Close" onClick={close}>
          ×
        </button>
      </div>
      <div class="buttons">
        <button
          id="list-fresh"
          type="button"
          onClick={() => {
            keeping.fresh()
            close()
          }}
        >
          New chat
        </button>
        <button id="import" class="quiet" type="button" onClick={() => file.current?.click()}>
          Import .json
        </button>
        <input
          id="import-file"
          type="file"
          accept=".json,application/json"
          aria-label="A file of messages"
          hidden
          ref={file}
          onChange={({ currentTarget }) => attempt(() => importFile(currentTarget))}
        />
      </div>
      <Alert id="list-alert">{alert}</Alert>
      <div class="rows">
        <ul id="kept">
          {deleted.map((one) => (
            <Notice
              key={one.head.id}
              text={`Deleted “${titleOf(one.head)}”`}
              hasFocus
              button="Undo"
              act={() => attempt(() => restore(one))}
            />
          ))}
          {isListOpen &&
            all.map((head) => {
              const isOpen = head.id === keeping.id
              const open = async () => {
                if (!isOpen) await keeping.show(head.id)
                close()
              }
              const rename = async (name: string) => {
                if (isOpen) keeping.rename(name)
                await kept.rename(head.id, name)
                await refresh()
              }
              return (
                <ConversationRow
                  key={head.id}
                  head={head}
                  isOpen={isOpen}
                  hasFocus={head.id === restored}
                  open={() => attempt(open)}
                  rename={(name) => attempt(() => rename(name))}
                  save={(ending) => attempt(() => saveAs(head, ending))}
                  remove={() => attempt(() => remove(head))}
                />
              )
            })}
          {damaged.map((id) => (
            <Notice
              key={id}
              text="A conversation that is damaged"
              button="Delete"
              act={() => attempt(() => kept.delete(id).then(refresh))}
            />
          ))}
        </ul>
        {all.length + damaged.length + deleted.length === 0 && (
          <p class="note" id="kept-none">
            A conversation is listed here from its first question on.
          </p>
        )}
      </div>
      <div id="keep-foot" class="stack small">
        <label class="flow">
          <input
            id="keep"
            type="checkbox"
            checked={keeping.isOn}
            aria-describedby="keep-place"
            onInput={({ currentTarget }) => {
              keeping.isOn = currentTarget.checked
            }}
          />{' '}
          Keep conversations
        </label>
        <p class="note" id="keep-place">
          They are kept on this computer only, in this browser.
        </p>
        {isListOpen && heads.length + damaged.length > 0 && (
          <DeleteAll count={heads.length + damaged.length} remove={() => attempt(removeAll)} />
        )}
      </div>
    </dialog>
  )
}

interface NoticeProps {
  text: string
  /** Whether its button takes the focus when it appears. */
  hasFocus?: boolean
  button: string
  act: () => void
}

/** A row of the list that says something about a conversation, and a button. */
function Notice({ text, hasFocus, button, act }: NoticeProps) {
  const place = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => {
    if (hasFocus) place.current?.focus()
  }, [])
  return (
    <li class="row said small soft">
      <span>{text}</span>
      <button class="quiet low" type="button" onClick={act} ref={place}>
        {button}
      </button>
    </li>
  )
}

/** Deletes all conversations, after a question. */
function DeleteAll({ count, remove }: { count: number; remove: () => void }) {
  const [isAsked, setAsked] = useState(false)
  const cancel = useRef<HTMLButtonElement>(null)
  useLayoutEffect(() => cancel.current?.focus(), [isAsked])
  if (!isAsked) {
    return (
      <button id="delete-all" class="quiet low" type="button" onClick={() => setAsked(true)}>
        Delete all
      </button>
    )
  }
  return (
    <div id="delete-sure" class="stack">
      <p id="delete-question" role="status">
        {`Delete ${plural(count, 'conversation')}? This cannot be undone.`}
      </p>
      <div class="buttons">
        <button id="delete-yes" type="button" onClick={remove}>
          Delete all
        </button>
        <button id="delete-cancel" class="quiet" type="button" ref={cancel} onClick={() => setAsked(false)}>
          Cancel
        </button>
      </div>
    </div>
  )
}
