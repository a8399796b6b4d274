/**
 * Shares out `room` columns among columns of these natural widths: narrow ones keep theirs, the others get equal shares of
 * the rest. Undefined if a share would be below `least`.
 */
export function columnWidths(natural: readonly number[], room: number, least: number): number[] | undefined {
  const widths = [...natural]
  let rest = room
  let others = natural.length
  for (const column of [...natural.keys()].sort((a, b) => natural[a] - natural[b])) {
    const share = Math.floor(rest / others)
    widths[column] = Math.min(natural[column], share)
    if (widths[column] < natural[column] && share < least) return undefined
    rest -= widths[column]
    others--
  }
  return widths
}
