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

/** Has screen readers say a text. */
export function say(text: string): void {
  const place = document.getElementById('spoken')
  if (place && place.textContent !== text) place.textContent = text
}
