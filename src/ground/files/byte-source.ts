import { UserError } from '../errors.js'

/** Bytes with random access, such as one file of a checkpoint. No more is read than is requested. */
export interface ByteSource {
  /** Name for error messages: a path. */
  readonly name: string
  /** Length in bytes, known from the start. */
  readonly size: number
  /**
   * Reads exactly `length` bytes from byte `offset`. They begin a buffer of their own, so that the buffer may be
   * transferred to a worker. Rejects with a UserError if they cannot be read.
   */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Releases the open file. May be called more than once. */
  close(): Promise<void>
}

/** Files of a checkpoint, local or remote. */
export interface FileSet {
  /** Name for error messages: a folder. */
  readonly name: string
  /** Names of the files, without folders. Rejects with a UserError if there is no such set. */
  list(): Promise<string[]>
  /** Opens one file by its plain name. Rejects with a UserError that names the file. */
  open(file: string): Promise<ByteSource>
}

/** Whether a name can only mean a file directly inside a folder, not outside of it. */
export function isPlainName(file: string): boolean {
  return file !== '' && file !== '.' && file !== '..' && !/[/\\\0]/.test(file)
}

export const NO_FILES: FileSet = {
  name: '',
  list: async () => [],
  open: async (file) => {
    throw new UserError(`${file}: there is no such file`)
  },
}

/** A file whose contents are a text in memory. */
export function textSource(name: string, text: string): ByteSource {
  const bytes = new TextEncoder().encode(text)
  return {
    name,
    size: bytes.length,
    read: async (offset, length) => {
      if (offset >= 0 && length >= 0 && offset + length <= bytes.length) return bytes.slice(offset, offset + length)
      throw new UserError(`${name}: bytes ${offset} to ${offset + length} are outside the file`)
    },
    close: async () => {},
  }
}

/** Runs `use` with something that is open, and closes it afterwards. */
export async function whileOpen<Opened extends { close(): Promise<void> }, Result>(
  opening: Opened | Promise<Opened>,
  use: (opened: Opened) => Result | Promise<Result>,
): Promise<Result> {
  const opened = await opening
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}
