import { wrap } from '../../terminal/wrap.js'

/** Wraps the lines of a help page that are wider than the window, each below its own indentation. */
export function fitHelp(page: string, columns: number): string {
  return page
    .split('\n')
    .flatMap((line) => (line.length <= columns ? [line] : wrapLine(line, columns)))
    .join('\n')
}

function wrapLine(line: string, columns: number): string[] {
  // Half of the window stays for the words.
  const indent = ' '.repeat(Math.min(line.length - line.trimStart().length, Math.floor(columns / 2)))
  // A term and its explanation become one paragraph: two columns would leave room for three words.
  const text = line.trim().replace(/ {2,}/g, '  ')
  return wrap(text, Math.max(10, columns - indent.length - 2)).map((part, i) => `${indent}${i > 0 ? '  ' : ''}${part}`)
}
