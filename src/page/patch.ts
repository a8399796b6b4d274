/**
 * Shows new markup in place of old. Where both have the same elements, only attributes and texts are changed: so what has
 * the focus keeps it, and classes that others have set stay. Returns whether elements were replaced.
 */
export function patch(host: Element, markup: string): boolean {
  const template = document.createElement('template')
  template.innerHTML = markup
  const fresh = template.content.firstElementChild
  if (!fresh) throw new Error('there is nothing to show')
  const old = host.firstElementChild
  if (old && sameShape(old, fresh)) {
    update(old, fresh)
    return false
  }
  if (old?.tagName === fresh.tagName) old.replaceWith(fresh)
  else host.prepend(fresh)
  return true
}

function sameShape(old: Element, fresh: Element): boolean {
  if (old.tagName !== fresh.tagName || old.children.length !== fresh.children.length) return false
  return pairs(old, fresh).every(([a, b]) => sameShape(a, b))
}

function update(old: Element, fresh: Element): void {
  for (const { name, value } of fresh.attributes) {
    if (name !== 'class' && old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
  if (fresh.firstElementChild) for (const [a, b] of pairs(old, fresh)) update(a, b)
  else if (old.textContent !== fresh.textContent) old.textContent = fresh.textContent
}

function pairs(old: Element, fresh: Element): [Element, Element][] {
  const others = fresh.children
  return Array.from(old.children, (child, i) => [child, others[i]])
}
