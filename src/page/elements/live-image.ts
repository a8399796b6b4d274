const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"' }

/**
 * An SVG image that is often redrawn. The same code makes its markup, so it mostly has the same elements in the same order.
 * Then only elements whose markup differs are changed: a map of thousands of cells is not parsed again, the focused element
 * stays focused, and classes set by other code stay.
 */
export class LiveImage {
  /** The markup, cut before each tag. */
  private tags: string[] = []
  /** The elements, in the order of their opening tags. */
  private elements: Element[] = []

  constructor(private readonly host: Element) {}

  /** Removes the image. */
  clear(): void {
    this.tags = []
    this.elements = []
    this.host.replaceChildren()
  }

  /** Shows the markup of an `svg` element. Returns whether all elements are new. */
  show(markup: string): boolean {
    const tags = markup.split('<')
    const changed = this.changes(tags)
    this.tags = tags
    if (changed) {
      for (const [element, tag] of changed) update(element, tag)
      return false
    }
    this.host.innerHTML = markup
    this.elements = [...this.host.querySelectorAll('*')]
    return true
  }

  /** Elements whose markup differs, with their tags; undefined if they are not the same elements as before. */
  private changes(tags: readonly string[]): [Element, string][] | undefined {
    if (tags.length !== this.tags.length) return undefined
    const changed: [Element, string][] = []
    let next = 0
    for (const [i, tag] of tags.entries()) {
      const isOpening = i > 0 && !tag.startsWith('/')
      if (tag !== this.tags[i]) {
        if (!isOpening || nameOf(tag) !== nameOf(this.tags[i])) return undefined
        changed.push([this.elements[next], tag])
      }
      if (isOpening) next++
    }
    return changed
  }
}

function nameOf(tag: string): string {
  return /^\w*/.exec(tag)?.[0] ?? ''
}

function update(element: Element, tag: string): void {
  const end = tag.indexOf('>')
  for (const [, name, value] of tag.slice(0, end).matchAll(/([\w:-]+)="([^"]*)"/g)) {
    const wanted = decode(value)
    if (name !== 'class' && element.getAttribute(name) !== wanted) element.setAttribute(name, wanted)
  }
  if (element.firstChild instanceof Text) element.firstChild.data = decode(tag.slice(end + 1))
}

function decode(text: string): string {
  return text.includes('&') ? text.replace(/&\w+;/g, (entity) => ENTITIES[entity] ?? entity) : text
}
