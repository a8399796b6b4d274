import type { FileHandle } from 'node:fs/promises'
import type { Model } from '../../api/model.js'
import type { ForwardResult } from '../../api/session.js'
import { UserError } from '../../ground/errors.js'
import { writeWith } from '../../ground/files/write-atomically.js'
import { encodeTexts, readWindows, useSession, type WindowReading } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { safetensorsHeader, type WrittenTensor } from '../../model/checkpoint/safetensors-header.js'
import { MIXTURE_KINDS, type MixtureKind } from '../../model/config/config.js'

/** Most tokens of a call, and most bytes of its states, which are in memory. */
const CHUNK = 256
const CHUNK_BYTES = 2 ** 26

/** Values of some tokens, each with numbers of this shape. */
interface States {
  name: string
  shape: number[]
  values: Float32Array | BigInt64Array
}

export interface StatesReading extends WindowReading {
  layers: readonly number[]
  /** Whether to write also the values of each mixture in the layers. Default: false. */
  routes?: boolean
}

/**
 * Writes the residual stream after the blocks of `layers`, of every token of the texts, as a safetensors file: `tokens`
 * (I32, ids), `texts` (I32, each token's text, counted from 0), and for each layer `hidden.LAYER` (F32, tokens x width).
 * With `routes` also the values of the mixtures, by nnterp's names. Its metadata names the model and the texts. A text is
 * read as it is, in windows. Only states of a few tokens are in memory. The file gets its name when it is complete.
 * Resolves with the number of tokens.
 */
export async function writeStates(
  model: Model,
  texts: readonly NamedText[],
  path: string,
  { layers, routes = false, ...reading }: StatesReading,
): Promise<number> {
  const { config, name, info } = model
  const wrong = layers.find((layer) => layer >= config.layers)
  if (wrong !== undefined) throw new UserError(`there is no layer ${wrong}: the model has 0 to ${config.layers - 1}`)
  const encoded = await encodeTexts(model, texts, reading.signal)
  const tokens = Int32Array.from(encoded.flat())
  if (tokens.length === 0) throw new UserError(`${texts.map(({ name }) => name).join(', ')}: there is no text`)
  const hidden = [...layers]
  const asked = {
    hidden,
    ...(routes && { routes, expertOutputs: hidden, routerLogits: hidden, sharedOutputs: hidden }),
  }
  // A token shows which states there are.
  const first = await useSession(model, (session) => session.forward(tokens.slice(0, 1), { ...asked, logits: 'none' }))
  const states = statesOf(first, layers, 1)
  const tensors: WrittenTensor[] = [
    { name: 'tokens', dtype: 'I32', shape: [tokens.length] },
    { name: 'texts', dtype: 'I32', shape: [tokens.length] },
    ...states.map(({ name, shape, values }): WrittenTensor => {
      const dtype = values instanceof Float32Array ? 'F32' : 'I64'
      return { name, dtype, shape: [tokens.length, ...shape] }
    }),
  ]
  const names = JSON.stringify(texts.map(({ name }) => name))
  const header = safetensorsHeader(tensors, { format: 'molm-states', model: name, quant: info.quant, texts: names })
  const bytesPerToken = states.reduce((sum, { values }) => sum + values.byteLength, 0)
  const most = Math.max(1, Math.min(CHUNK, Math.floor(CHUNK_BYTES / bytesPerToken)))
  await writeWith(path, async (file) => {
    const textOf = Int32Array.from(encoded.flatMap((ids, text) => ids.map(() => text)))
    await put(file, header, 0)
    await put(file, tokens, header.length)
    await put(file, textOf, header.length + tokens.byteLength)
    let done = 0
    await readWindows(model, encoded, { ...reading, ...asked, most }, async (result, count) => {
      let start = header.length + 2 * tokens.byteLength
      for (const [i, { values }] of statesOf(result, layers, count).entries()) {
        const perToken = states[i].values.byteLength
        await put(file, values, start + perToken * done)
        start += perToken * tokens.length
      }
      done += count
    })
  })
  return tokens.length
}

/** The states of a call's `count` tokens. Numbers of 64 bits come first, so that they begin at multiples of 8 bytes. */
function statesOf(result: ForwardResult, layers: readonly number[], count: number): States[] {
  const { hidden = [] } = result
  const width = hidden[0].length / count
  const all = hidden.map((values, i): States => ({ name: `hidden.${layers[i]}`, shape: [width], values }))
  for (const [i, layer] of layers.entries()) {
    for (const kind of MIXTURE_KINDS) all.push(...mixtureStates(result, { i, layer, kind, count, width }))
    const shared = result.sharedOutputs?.[i]
    if (shared?.length) all.push({ name: `layers.${layer}.mlp.shared_expert_output`, shape: [width], values: shared })
  }
  const isWide = ({ values }: States) => Number(values instanceof BigInt64Array)
  return all.sort((a, b) => isWide(b) - isWide(a))
}

interface Place {
  /** Index of the layer in the list of layers. */
  i: number
  layer: number
  kind: MixtureKind
  count: number
  width: number
}

/** Values of a mixture by nnterp's names, with the experts' outputs times their weights. */
function mixtureStates(
  { routes, expertOutputs, routerLogits }: ForwardResult,
  { i, layer, kind, count, width }: Place,
): States[] {
  const chosen = routes?.[layer][kind]
  const [outputs, logits] = [expertOutputs?.[i][kind], routerLogits?.[i][kind]]
  if (!chosen || !outputs || !logits) return []
  const { ids, gates } = chosen
  const k = ids.length / count
  const weighted = outputs.map((value, at) => value * gates[Math.floor(at / width)])
  const routed = new Float32Array(count * width)
  for (let at = 0; at < weighted.length; at++)
    routed[Math.floor(at / (k * width)) * width + (at % width)] += weighted[at]
  const named = (name: string, shape: number[], values: States['values']): States => {
    return { name: `layers.${layer}.${kind}.${name}`, shape, values }
  }
  return [
    named('expert_indices', [k], BigInt64Array.from(ids, BigInt)),
    named('expert_weights', [k], gates),
    named('router_logits', [logits.length / count], logits),
    named('expert_outputs', [k, width], weighted),
    named('routed_output', [width], routed),
  ]
}

async function put(file: FileHandle, values: NodeJS.ArrayBufferView, position: number): Promise<void> {
  const { buffer, byteOffset, byteLength } = values
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}
