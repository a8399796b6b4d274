import { create } from './elements.js'

/** An element or a text that has been drawn. */
interface Drawn {
  node: HTMLElement | Text
  /** Says what it is: only one with the same key is drawn again in its place. */
  key: string
  /** Only of elements that were opened. */
  children?: Drawn[]
  text: string
  /** The node that the element was drawn from, and its offsets in the text. */
  source?: object
  from: number
  to: number
}

/**
 * Draws a tree of elements again and again, in the order of its text, and keeps the elements and texts that are the same as
 * before: what the reader has selected or points at stays.
 */
export class DomPatch {
  private readonly root: Drawn
  private open: { drawn: Drawn; children: Drawn[]; next: number }[] = []

  constructor(element: HTMLElement) {
    this.root = { node: element, key: '', children: [], text: '', from: 0, to: 0 }
  }

  /** Begins at the top. */
  begin(): void {
    this.open = [{ drawn: this.root, children: this.root.children ?? [], next: 0 }]
  }

  /**
   * Opens an element, which `make` creates. Returns undefined, or the end of its text if it was drawn from the same `source`
   * and offset before: then it is complete and not open.
   */
  element(key: string, from: number, source: object | undefined, make: () => HTMLElement): number | undefined {
    const parent = this.top
    let drawn = parent.children[parent.next]
    if (drawn?.key !== key || !drawn.children) {
      this.cut()
      drawn = { node: make(), key, children: [], text: '', from, to: from }
      this.append(drawn)
    } else if (source && drawn.source === source && drawn.from === from) {
      parent.next++
      return drawn.to
    }
    drawn.source = source
    drawn.from = from
    this.open.push({ drawn, children: drawn.children ?? [], next: 0 })
    return undefined
  }

  /** Closes the element whose text ends at an offset. */
  close(to: number): void {
    this.cut()
    this.top.drawn.to = to
    this.open.pop()
    this.top.next++
  }

  /** Draws a piece of text; `token` is the number of its token, or -1. Marks of Markdown are hidden. */
  text(text: string, token: number, isMark: boolean): void {
    const parent = this.top
    const key = `${isMark ? 'mark' : 'text'} ${token}`
    const drawn = parent.children[parent.next]
    if (drawn?.key !== key) {
      this.cut()
      this.append({ node: textNode(text, token, isMark), key, text, from: 0, to: 0 })
    } else if (drawn.text !== text) {
      const { node } = drawn
      const within = node instanceof Text ? node : (node.firstChild as Text)
      within.data = text
      drawn.text = text
    }
    parent.next++
  }

  /** Ends the drawing. */
  end(): void {
    this.cut()
  }

  /** The last element of a token, and the element around the last text that is seen. */
  last(): { token?: HTMLElement; around?: HTMLElement } {
    const found: { token?: HTMLElement; around?: HTMLElement } = {}
    const look = ({ node, children = [] }: Drawn): boolean => {
      for (let i = children.length - 1; i >= 0; i--) {
        const { key, node: own, children: inner } = children[i]
        if (inner) {
          if (look(children[i])) return true
          continue
        }
        if (own instanceof HTMLElement && own.dataset.i !== undefined) found.token ??= own
        if (key.startsWith('text')) found.around ??= node as HTMLElement
        if (found.token && found.around) return true
      }
      return false
    }
    look(this.root)
    return found
  }

  private get top() {
    return this.open[this.open.length - 1]
  }

  private append(drawn: Drawn): void {
    this.top.children.push(drawn)
    this.top.drawn.node.appendChild(drawn.node)
  }

  /** Removes the rest of the open element, which was drawn before. */
  private cut(): void {
    const { children, next } = this.top
    for (const { node } of children.splice(next)) node.remove()
  }
}

function textNode(text: string, token: number, isMark: boolean): HTMLElement | Text {
  if (token < 0 && !isMark) return document.createTextNode(text)
  const span = create('span', isMark ? 'markup' : '', text)
  if (token < 0) return span
  span.dataset.i = String(token)
  span.tabIndex = -1
  return span
}
