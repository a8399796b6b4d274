import { joinBytes, littleEndian } from './bytes.js'

/** A safetensors file with the given header and data, valid or not. */
export function safetensors(header: unknown, data: Uint8Array | number[] = []): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  return joinBytes(littleEndian(json.length, 8), json, data)
}
