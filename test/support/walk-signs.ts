/** The experts of the chosen layer as a walk shows them, without colours. */
export interface WalkSigns {
  /** A sign for each expert, kind by kind. */
  signs: string[]
  /** The line of numbers above them. */
  numbers: string
}

/**
 * Reads the chosen layer from the lines of a map and those below it: its own lines, or its lane in the map if every expert has
 * a cell there.
 */
export function signsOfChosenLayer(lines: readonly string[]): WalkSigns {
  const own = lines.findIndex((line) => /^layer \d+ (mlp|attn) +[\d ]*$/.test(line))
  const from = own < 0 ? lines.findIndex((line) => /^(layer|attn|mlp|a|m) .*\d/.test(line)) : own
  const lanes = lines.slice(from).filter((line) => line.startsWith('›') && /[·░▒▓█]/.test(line))
  const cells = lanes.join('  ').replace(/›[ \d+]*/g, '')
  const signs = / /.test(cells.trim()) && !/·{2}/.test(cells) ? cells.match(/·|([░▒▓█])\1/g) : cells.match(/[·░▒▓█]/g)
  const heads = lines.slice(from, from + 2).filter((line) => /\d/.test(line) && !/[·░▒▓█]/.test(line))
  return { signs: signs ?? [], numbers: heads.join(' ') }
}
