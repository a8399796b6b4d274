import { childrenOf, type SyntaxNode } from '../../chat/markdown/nodes.js'
import { copyButton } from '../elements/clipboard.js'
import { create } from '../elements/elements.js'
import type { TextCursor } from './text-cursor.js'

/** Draws a block of code with its language and a button that copies it. */
export function drawCode(node: SyntaxNode, cursor: TextCursor): void {
  const info = node.getChild('CodeInfo')
  const drawCode = () => {
    for (const part of childrenOf(node)) {
      if (part.name !== 'CodeText') continue
      cursor.hide(part.from)
      cursor.showExactly(part.to)
    }
    cursor.hide(node.to)
  }
  const draw = () => {
    if (info) cursor.within('div', () => drawInfo(info, cursor), { className: 'language' })
    cursor.within('pre', () => cursor.within('code', drawCode), { make: makeBox })
    cursor.within('button', () => undefined, { make: makeButton })
  }
  cursor.within('div', draw, { className: 'code', node })
}

function drawInfo({ from, to }: SyntaxNode, cursor: TextCursor): void {
  cursor.hide(from)
  cursor.show(to)
}

function makeBox(): HTMLElement {
  const box = create('pre')
  // It scrolls, so the keyboard must reach it.
  box.tabIndex = 0
  return box
}

function makeButton(): HTMLElement {
  const button: HTMLElement = copyButton('Copy the code', () => {
    const [...nodes] = button.previousElementSibling?.firstElementChild?.childNodes ?? []
    const shown = nodes.filter((node) => !(node instanceof Element && node.matches('.markup')))
    return shown.map(({ textContent }) => textContent).join('')
  })
  return button
}
