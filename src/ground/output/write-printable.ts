import { printableOutput } from '../printable.js'

/** A stream of this process, such as stdout. */
export type OutputStream = Pick<NodeJS.WriteStream, 'write' | 'isTTY'>

/** Writes to a stream. In a text for a terminal only colours stay; names and answers in it cannot control the terminal. */
export function writePrintable(
  stream: OutputStream,
  text: string | Uint8Array,
  done?: (error?: Error | null) => void,
): void {
  stream.write(stream.isTTY && typeof text === 'string' ? printableOutput(text) : text, done)
}
