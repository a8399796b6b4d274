/** Finds the element with an id. Throws if the document has none of this class. */
export function byId<T extends HTMLElement>(id: string, sort: new () => T): T {
  const element = document.getElementById(id)
  if (!(element instanceof sort)) throw new Error(`the document has no ${sort.name} with the id ${id}`)
  return element
}

/** Creates an element with a class and a text; markup in the text stays text. */
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
