/** The element with this id. Throws where the document has none of this sort. */
export function byId<T extends HTMLElement>(id: string, sort: new () => T): T {
  const element = document.getElementById(id)
  if (!(element instanceof sort)) throw new Error(`there is no ${sort.name} with the id ${id}`)
  return element
}

/** A new element with a class and a text; what the text says of markup stays text. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.textContent = text
  return element
}
