/** A random-access run of bytes, such as one file of a checkpoint. Nothing reads more of it than it asks for. */
export interface ByteSource {
  /** What error messages call it: a path. */
  readonly name: string
  /** Length in bytes, known from the start. */
  readonly size: number
  /**
   * Exactly `length` bytes from byte `offset`, at the start of a buffer of their own, so that the buffer may be
   * handed to a worker. Rejects with a UserError when they cannot be had.
   */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Frees what the source holds open. May be called more than once. */
  close(): Promise<void>
}

/** A checkpoint's files, wherever they lie. */
export interface FileSet {
  /** What error messages call it: a folder. */
  readonly name: string
  /** Names of the files, without folders. Rejects with a UserError when there is no such set. */
  list(): Promise<string[]>
  /** Opens one file by its plain name. Rejects with a UserError naming the file. */
  open(file: string): Promise<ByteSource>
}

/** Whether a name stands for a file directly inside a folder and cannot lead out of it. */
export function isPlainName(file: string): boolean {
  return file !== '' && file !== '.' && file !== '..' && !/[/\\\0]/.test(file)
}
