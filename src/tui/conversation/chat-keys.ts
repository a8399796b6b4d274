import { harmless } from '../../terminal/cell-width.js'
import { Completion } from '../input/completion.js'
import { HistorySearch } from '../input/history-search.js'
import type { Key, KeyName } from '../input/keys.js'
import type { Stride } from '../map/token-map.js'
import type { Chat } from './chat.js'

/** What each key does in a chat. */
export class ChatKeys {
  readonly completion: Completion
  /** A search in what was written before, while it goes on. */
  search?: HistorySearch
  /** Ctrl-C was pressed, and will leave if pressed again. */
  leaving = false

  constructor(private readonly chat: Chat) {
    this.completion = new Completion(chat.editor, () => chat.options.modelNames ?? [])
  }

  press(key: Exclude<Key, { kind: 'background' }>): void {
    const { chat } = this
    if (key.kind !== 'key' || key.name !== 'ctrl-c') this.leaving = false
    if (this.search) this.pressInSearch(this.search, key)
    else if (key.kind === 'key') this.pressKey(key.name)
    else {
      this.completion.end()
      chat.map.selected = undefined
      chat.editor.insert(harmless(key.text))
    }
  }

  private pressKey(name: KeyName): void {
    const { chat, completion } = this
    const { editor, map } = chat
    const { history } = chat.options
    if (name === 'ctrl-c') return this.interrupt()
    if (name === 'ctrl-d') return editor.text === '' ? chat.end() : void editor.press('delete')
    if (name === 'tab') {
      const { placeholder } = chat
      return placeholder === undefined ? completion.tab() : editor.set(placeholder)
    }
    if (name === 'down' && !history.isBrowsing && completion.choose(1)) return
    if (name === 'up' && completion.choose(-1)) return
    completion.end()
    if (name === 'escape') map.selected = undefined
    else if (name === 'enter') this.enter()
    else if (name === 'search') this.search = new HistorySearch(history)
    else if (!this.walk(name) && !editor.press(name)) this.recall(name)
  }

  /** Stops an answer; else leaves, the second time. */
  private interrupt(): void {
    if (this.chat.stop()) return
    if (this.leaving) return this.chat.end('interrupted')
    this.chat.editor.set('')
    this.leaving = true
  }

  /** With nothing written, left and right go over the tokens, and up and down then over the layers. */
  private walk(name: KeyName): boolean {
    const { editor, map } = this.chat
    if (editor.text !== '' || map.mode === 'off') return false
    const isWalking = map.selected !== undefined
    if (name === 'left') return map.walk(-1)
    if (name === 'right') return isWalking && map.walk(1)
    const stride = STRIDES[name]
    if (stride && (isWalking || name === 'word-left' || name === 'home')) return map.stride(stride)
    if (!isWalking || (name !== 'up' && name !== 'down')) return false
    map.changeLayer(name === 'up' ? -1 : 1)
    return true
  }

  private recall(name: KeyName): void {
    const { editor, options } = this.chat
    const { history } = options
    const entry = name === 'up' ? history.older(editor.text) : name === 'down' ? history.newer(editor.text) : undefined
    if (entry !== undefined) editor.set(entry)
  }

  private pressInSearch(search: HistorySearch, key: Key): void {
    if (search.press(key)) return
    this.search = undefined
    if (search.taken !== undefined) this.chat.editor.set(search.taken)
  }

  private enter(): void {
    const { editor, map, options } = this.chat
    if (editor.breakAtBackslash()) return
    const { text } = editor
    if (text.trim() === '') return
    editor.set('')
    map.selected = undefined
    options.history.add(text)
    this.chat.submit(text)
  }
}

const STRIDES: Partial<Record<KeyName, Stride>> = {
  'word-left': 'word-back',
  'word-right': 'word-on',
  home: 'first',
  end: 'last',
}
