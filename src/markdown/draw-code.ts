import type { ColourDepth } from '../terminal/colours.js'
import { cut } from '../terminal/wrap.js'
import type { CodeBlock } from './blocks.js'
import { ASIDE } from './inlines.js'
import { drawRun, type Paper } from './run-lines.js'

/** Columns of the bar and the blank after it. */
const BAR = 2
/** SGR parameters of a grey ground that shows on dark and on light backgrounds. */
const GREYS: Readonly<Record<Exclude<ColourDepth, 'none'>, string>> = {
  truecolor: '48;2;110;118;129',
  '256': '48;5;243',
  '16': '100',
}

/** Code with a bar at its left. Long lines are cut, and lose no character. */
export function codeLines({ info, lines }: Pick<CodeBlock, 'info' | 'lines'>, paper: Paper): string[] {
  const bar = barOf(paper.depth)
  const width = Math.max(1, paper.width - BAR)
  const label = info === '' ? [] : cut(info, width).map((part) => `${bar} ${drawRun(part, ASIDE, paper)}`)
  const code = lines.flatMap((line) => cut(line, width)).map((line) => (line === '' ? bar : `${bar} ${line}`))
  const drawn = [...label, ...code]
  return drawn.length > 0 ? drawn : [bar]
}

/** The bar is a blank with a grey ground: copied lines have blanks in front of the code, and no sign. */
function barOf(depth: ColourDepth): string {
  return depth === 'none' ? '│' : `\x1b[${GREYS[depth]}m \x1b[49m`
}
