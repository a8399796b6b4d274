import { EngineClient } from '../../engine/run/client.js'
import type { PackMatrix } from '../../model/packing/write/pack.js'
import { checkThreads } from './load-options.js'

/** Runs `work` with an engine that packs weights on its threads, and closes the engine afterwards. */
export async function withPacker<T>(threads: number, work: (pack: PackMatrix) => Promise<T>): Promise<T> {
  checkThreads(threads)
  const engine = await EngineClient.start({ threads })
  try {
    return await work((request) => {
      const buffers = [request.bytes, request.scales?.bytes].map((bytes) => bytes?.buffer)
      const transfer = buffers.filter((buffer) => buffer instanceof ArrayBuffer)
      return engine.call<Awaited<ReturnType<PackMatrix>>>({ kind: 'pack', request }, {}, transfer).reply
    })
  } finally {
    await engine.close()
  }
}
