/** A line of a stream of bytes, without what ends it. */
export interface Line {
  /** 1 for the first. */
  number: number
  /** Undefined where the line is longer than what may be read. */
  bytes?: Buffer
  /** Bytes of the stream up to the line's end. */
  end: number
  /** Whether a line break ended it, and not the end of the stream. */
  isWhole: boolean
}

/** Cuts a stream into lines, holding one at a time; of a line of more than `mostBytes` only the number is kept. */
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
    // Copied, since what is held of a line would else keep the whole chunk.
    if (from < chunk.length) add(Buffer.from(chunk.subarray(from)))
  }
  if (length > 0) yield take(false)
}

const LF = 0x0a
const CR = 0x0d

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CR ? line.subarray(0, -1) : line
}
