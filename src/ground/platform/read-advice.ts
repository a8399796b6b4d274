import { realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/*
 * Advice to the system about the bytes of a file that will be read soon: it then reads them from the disk into its
 * memory while the caller does something else. Node has one call for it, `fd_advise` of its WASI, which is
 * posix_fadvise on Linux.
 */

/** Bytes of a call. Linux reads at most what the disk takes in one request; 512 KiB is below the limit of most disks. */
const PIECE = 2 ** 19

/** Advice of WASI: these bytes will be read soon. */
const WILL_NEED = 3

/** Descriptor of the only folder that WASI may use. */
const FOLDER = 3

/** Rights of WASI to read and to advise. */
const RIGHTS = 0x82n

/** The functions of WASI that are used here. Each returns 0, or the number of an error. */
interface WasiFunctions {
  /** Folder, flags, address and bytes of the name, flags, rights, inherited rights, flags, address of the descriptor. */
  path_open(...args: (number | bigint)[]): number
  fd_advise(descriptor: number, offset: bigint, bytes: bigint, advice: number): number
  fd_close(descriptor: number): number
}

/** A file that is open for advice about its bytes. */
export class ReadAdvice {
  private constructor(
    private readonly functions: WasiFunctions,
    private readonly descriptor: number,
  ) {}

  /** Opens a file for advice. Resolves with undefined if the system takes none, or the file cannot be opened. */
  static async open(path: string): Promise<ReadAdvice | undefined> {
    if (process.platform !== 'linux') return undefined
    try {
      return ReadAdvice.openBy(await importWasi(), realpathSync(path))
    } catch {
      // The caller reads the file without advice, and reports its errors.
      return undefined
    }
  }

  private static openBy(WASI: typeof import('node:wasi').WASI, path: string): ReadAdvice | undefined {
    const wasi = new WASI({ version: 'preview1', preopens: { '/': dirname(path) } })
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: false })
    // WASI looks for names in its memory, which only `initialize` sets.
    wasi.initialize({ exports: { memory } })
    // The descriptor comes at address 0, and the name follows it.
    const name = new TextEncoder().encode(basename(path))
    new Uint8Array(memory.buffer).set(name, Uint32Array.BYTES_PER_ELEMENT)
    const functions = wasi.wasiImport as unknown as WasiFunctions
    const result = functions.path_open(FOLDER, 0, Uint32Array.BYTES_PER_ELEMENT, name.length, 0, RIGHTS, 0n, 0, 0)
    return result === 0 ? new ReadAdvice(functions, new Uint32Array(memory.buffer)[0]) : undefined
  }

  /** Announces that `bytes` bytes from `offset` on will be read. Waits only if the disk's queue is full. */
  willRead(offset: number, bytes: number): void {
    for (let done = 0; done < bytes; done += PIECE) {
      this.functions.fd_advise(this.descriptor, BigInt(offset + done), BigInt(Math.min(PIECE, bytes - done)), WILL_NEED)
    }
  }

  close(): void {
    this.functions.fd_close(this.descriptor)
  }
}

/** Number that grows with every read of this process from a disk, and with no read from the system's memory. */
export function readsFromDisk(): number {
  return process.resourceUsage().fsRead
}

/** Loads WASI without Node's warning that it is experimental: a user could do nothing about it. */
async function importWasi(): Promise<typeof import('node:wasi').WASI> {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return (await import('node:wasi')).WASI
  } finally {
    process.emitWarning = emitWarning
  }
}
