export interface Line {
  /** Line number, from 1. */
  number: number
  /** Undefined if the line is too long. */
  bytes?: Buffer
  /** Offset in the stream of the end of the line. */
  end: number
  /** Whether it ended with a line break, not with the end of the stream. */
  isWhole: boolean
}

/** Splits a stream into lines, and holds one at a time. A line of more than `mostBytes` has no bytes in the result. */
export async function* readLines(stream: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Line> {
  let pieces: Buffer[] = []
  let length = 0
  let number = 1
  let end = 0
  const add = (piece: Buffer) => {
    length += piece.length
    end += piece.length
    if (length <= mostBytes) pieces.push(piece)
    else pieces = []
  }
  const take = (isWhole: boolean): Line => {
    if (isWhole) end++
    const bytes = length <= mostBytes ? withoutReturn(Buffer.concat(pieces)) : undefined
    const line = { number, ...(bytes && { bytes }), end, isWhole }
    pieces = []
    length = 0
    number++
    return line
  }
  for await (const chunk of stream) {
    let from = 0
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      add(chunk.subarray(from, at))
      from = at + 1
      yield take(true)
    }
    // Copied, so that a small part of a line does not keep the whole chunk in memory.
    if (from < chunk.length) add(Buffer.from(chunk.subarray(from)))
  }
  if (length > 0) yield take(false)
}

const LF = 0x0a
const CR = 0x0d

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CR ? line.subarray(0, -1) : line
}
