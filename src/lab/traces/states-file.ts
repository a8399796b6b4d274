import type { FileHandle } from 'node:fs/promises'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { writeWith } from '../../ground/files/write-atomically.js'
import { encodeTexts, readWindows, type WindowReading } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { safetensorsHeader, type WrittenTensor } from '../../model/checkpoint/safetensors-header.js'

/** Tokens of a call: their states are in memory. */
const CHUNK = 256

/**
 * Writes the residual stream after the blocks of `layers`, of every token of the texts, as a safetensors file: `tokens`
 * (I32, ids), `texts` (I32, each token's text, counted from 0), and for each layer `hidden.LAYER` (F32, tokens x width).
 * Its metadata names the model and the texts. A text is read as it is, in windows. Only states of a few tokens are in
 * memory. The file gets its name when it is complete. Resolves with the number of tokens.
 */
export async function writeStates(
  model: Model,
  texts: readonly NamedText[],
  path: string,
  { layers, ...reading }: WindowReading & { layers: readonly number[] },
): Promise<number> {
  const { config, name, info } = model
  const wrong = layers.find((layer) => layer >= config.layers)
  if (wrong !== undefined) throw new UserError(`there is no layer ${wrong}: the model has 0 to ${config.layers - 1}`)
  const encoded = await encodeTexts(model, texts, reading.signal)
  const tokens = Int32Array.from(encoded.flat())
  if (tokens.length === 0) throw new UserError(`${texts.map(({ name }) => name).join(', ')}: there is no text`)
  const tensors: WrittenTensor[] = [
    { name: 'tokens', dtype: 'I32', shape: [tokens.length] },
    { name: 'texts', dtype: 'I32', shape: [tokens.length] },
    ...layers.map((layer) => {
      return { name: `hidden.${layer}`, dtype: 'F32' as const, shape: [tokens.length, config.width] }
    }),
  ]
  const names = JSON.stringify(texts.map(({ name }) => name))
  const header = safetensorsHeader(tensors, { format: 'molm-states', model: name, quant: info.quant, texts: names })
  await writeWith(path, async (file) => {
    const textOf = Int32Array.from(encoded.flatMap((ids, text) => ids.map(() => text)))
    const start = header.length + tokens.byteLength + textOf.byteLength
    await put(file, header, 0)
    await put(file, tokens, header.length)
    await put(file, textOf, header.length + tokens.byteLength)
    let done = 0
    const hidden = [...layers]
    await readWindows(model, encoded, { ...reading, hidden, most: CHUNK }, async ({ hidden: states = [] }, count) => {
      for (const [i, rows] of states.entries()) {
        await put(file, rows, start + 4 * config.width * (i * tokens.length + done))
      }
      done += count
    })
  })
  return tokens.length
}

async function put(file: FileHandle, values: NodeJS.ArrayBufferView, position: number): Promise<void> {
  const { buffer, byteOffset, byteLength } = values
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}
