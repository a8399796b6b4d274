/** Weights that a browser keeps, perhaps not all of them yet. */
export interface KeptFile {
  address: string
  /** Bytes that are here. */
  bytes: number
  /** Bytes of the whole file. */
  size: number
}
