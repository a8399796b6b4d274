import os from 'node:os'
import { blueprintOf, parseConfig } from '../architectures/index.js'
import { EngineClient } from '../engine/client.js'
import { type Conversion, type ConvertProgress, convertCheckpoint } from '../packing/convert.js'
import type { Quant } from '../packing/format.js'
import type { PackMatrix } from '../packing/pack.js'
import { checkThreads } from './thread-limit.js'

export interface ConvertOptions {
  /** Default q4. */
  quant?: Quant
  threads?: number
  onProgress?: (progress: ConvertProgress) => void
  signal?: AbortSignal
}

/**
 * Packs a Hugging Face checkpoint folder into a folder of its own, with what the tokenizer needs beside it. Nothing
 * appears there under its final name before it is complete. Rejects with a UserError when the checkpoint is not whole.
 */
export async function convertModel(dir: string, out: string, options: ConvertOptions = {}): Promise<Conversion> {
  const blueprint = (json: unknown, where: string) => blueprintOf(parseConfig(json, where))
  const { quant = 'q4', threads = os.availableParallelism(), onProgress, signal } = options
  return withPacker(threads, (pack) => convertCheckpoint(dir, out, { quant, pack, onProgress, signal, blueprint }))
}

/** Runs `work` with an engine that packs weights on its threads, and ends it afterwards. */
export async function withPacker<T>(threads: number, work: (pack: PackMatrix) => Promise<T>): Promise<T> {
  checkThreads(threads)
  const engine = await EngineClient.start({ threads })
  try {
    return await work((request) => {
      const { buffer } = request.bytes
      const transfer = buffer instanceof ArrayBuffer ? [buffer] : []
      return engine.call<Awaited<ReturnType<PackMatrix>>>({ kind: 'pack', request }, {}, transfer).reply
    })
  } finally {
    await engine.close()
  }
}
