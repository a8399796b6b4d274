/** More than the layers or experts of any model. */
const LONGEST_RANGE = 10_000

/** Parses a list of numbers and ranges, like `0,2-4`; undefined if the text is not such a list. */
export function parseNumberList(text: string): number[] | undefined {
  const list = text.split(',').flatMap(rangeOf)
  return list.every(Number.isSafeInteger) ? list : undefined
}

/** The numbers of `4` or `1-3`; NaN for other texts. */
function rangeOf(text: string): number[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  const count = Number(last) - Number(first) + 1
  return count > 0 && count <= LONGEST_RANGE ? Array.from({ length: count }, (_, i) => Number(first) + i) : [NaN]
}
