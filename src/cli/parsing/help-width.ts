import { wrap } from '../../terminal/wrap.js'

/** A help page for a window that is narrower than its lines: each goes on below its own beginning. */
export function fitHelp(page: string, columns: number): string {
  return page
    .split('\n')
    .flatMap((line) => (line.length <= columns ? [line] : wrapLine(line, columns)))
    .join('\n')
}

function wrapLine(line: string, columns: number): string[] {
  const indent = ' '.repeat(line.length - line.trimStart().length)
  // A term with its explanation is one paragraph: what stands in two columns would be three words wide.
  const text = line.trim().replace(/ {2,}/g, '  ')
  return wrap(text, Math.max(10, columns - indent.length - 2)).map((part, i) => `${indent}${i > 0 ? '  ' : ''}${part}`)
}
