export const MAGIC = 'GGUF'

/** Name of a part of a split file: `NAME-00001-of-00003.gguf`, which counts from 1. */
const PART_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i

export const MOST_PARTS = 1000

export function isGguf(name: string): boolean {
  return /\.gguf$/i.test(name)
}

/** The names of all parts of a split file, from the name of one; undefined if it is not named as a part. */
export function partNames(file: string): string[] | undefined {
  const match = PART_NAME.exec(file)
  if (match === null) return undefined
  const [, stem, number, of] = match
  const count = Number(of)
  if (count < 1 || count > MOST_PARTS || Number(number) < 1 || Number(number) > count) return undefined
  const ending = file.slice(-'.gguf'.length)
  return Array.from({ length: count }, (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${of}${ending}`)
}
