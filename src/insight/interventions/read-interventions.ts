import { dirname, resolve } from 'node:path'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'
import { whileOpen } from '../../ground/files/byte-source.js'
import { expandHome } from '../../ground/files/home.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { fields, isCount, isWord, listOf, optional } from '../../ground/json/forms.js'
import { isObject, MOST_JSON_BYTES, parseJson } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { shown } from '../../ground/option-checks.js'
import { readSafetensors } from '../../model/checkpoint/safetensors.js'
import { readSpan } from '../../model/checkpoint/tensor.js'
import { checkInterventions, type Intervention } from '../../model/config/intervention.js'
import { encodePlain, readWindows, windowOf } from '../texts/reading.js'
import { readText } from '../texts/text-file.js'
import { RecordedRun } from './recorded-run.js'

interface TensorSource {
  tensor: string
  file: string
  rows?: number[]
}

/**
 * Reads the interventions of a JSON file: a list as sessions take it, whose `replace` may also name a tensor of a file, a
 * text whose mean counts, or another prompt. Files are relative to its folder. Texts and prompts are read as they are.
 * Rejects with a UserError that names the file and the entry.
 */
export async function readInterventions(model: Model, path: string, signal?: AbortSignal) {
  const bytes = await readBounded(path, MOST_JSON_BYTES, 'put long lists of numbers into a safetensors file')
  const entries: unknown = parseJson(bytes, path)
  const found: Intervention[] = []
  let place = ''
  try {
    const sourceOf = (entry: unknown) => (isObject(entry) && isObject(entry.replace) ? entry.replace : undefined)
    const list = Array.isArray(entries) ? (entries as unknown[]) : [entries]
    const plain = list.map((entry) => (sourceOf(entry) ? { ...(entry as object), replace: 'zero' } : entry))
    checkInterventions(Array.isArray(entries) ? plain : entries, model.config)
    for (const [i, entry] of (plain as Intervention[]).entries()) {
      const source = sourceOf(list[i])
      place = `interventions[${i}]: `
      const own = source ? await new ReplacedPart(model, dirname(path), entry, signal).from(source) : [entry]
      place = ''
      if (own.length === 1) checkInterventions(plain.with(i, own[0]), model.config)
      found.push(...own)
    }
  } catch (error) {
    throw error instanceof UserError ? new UserError(phrase`${path}: ${place}${error}`) : error
  }
  return found
}

const isTensor = fields<TensorSource>({
  tensor: isWord,
  file: isWord,
  rows: optional(listOf(isCount, { least: 1 })),
})

/** An intervention whose values are yet to be read. */
class ReplacedPart {
  constructor(
    private readonly model: Model,
    private readonly folder: string,
    private readonly entry: Intervention,
    private readonly signal?: AbortSignal,
  ) {}

  async from(source: Record<string, unknown>): Promise<Intervention[]> {
    const { mean, prompt } = source
    if (isTensor(source)) return [{ ...this.entry, replace: await this.tensor(source) }]
    if (isWord(mean)) return [{ ...this.entry, replace: await this.mean(mean) }]
    if (isWord(prompt) || listOf(isCount, { least: 1 })(prompt)) return this.ofPrompt(prompt)
    const forms = '{ "tensor", "file" }, { "mean": FILE } or { "prompt": TEXT or ids }'
    throw new UserError(`"replace" must be "zero", numbers, ${forms}, not ${shown(source)}`)
  }

  private pathOf(file: string): string {
    return resolve(this.folder, expandHome(file))
  }

  private tensor({ tensor: name, file, rows }: TensorSource): Promise<Float32Array> {
    const { width } = this.model.config
    return whileOpen(openLocalFile(this.pathOf(file)), async (source) => {
      const { tensors } = await readSafetensors(source)
      const tensor = tensors.find((one) => one.name === name)
      if (!tensor) throw new UserError(`${source.name}: there is no tensor ${shown(name)}`)
      if (tensor.dtype !== 'F32') throw new UserError(`${source.name}: ${shown(name)} is ${tensor.dtype}, not F32`)
      const bytes = (await readSpan(tensor)).slice()
      const all = new Float32Array(bytes.buffer)
      if (!rows) return all
      const count = all.length / width
      const beyond = rows.find((row) => row >= count)
      if (beyond !== undefined) throw new UserError(`${source.name}: ${shown(name)} has no row ${beyond}`)
      return Float32Array.from(rows.flatMap((row) => [...all.subarray(row * width, (row + 1) * width)]))
    })
  }

  /** The mean over the tokens of a text; of an expert, over the tokens that use it. */
  private async mean(file: string): Promise<Float32Array> {
    const { model, entry, signal } = this
    const { layer, part, expert } = entry
    const { width } = model.config
    const { name, text } = await readText(this.pathOf(file))
    const tokens = await encodePlain(model, text, signal)
    const sum = new Float64Array(width)
    let count = 0
    const add = (rows: Float32Array, row: number) => {
      for (let i = 0; i < width; i++) sum[i] += rows[row * width + i]
      count++
    }
    const reading = { window: windowOf(model), signal }
    const asked = part === 'residual' ? { hidden: [layer] } : { expertOutputs: [layer], routes: true }
    await readWindows(model, [tokens], { ...reading, ...asked }, ({ hidden, expertOutputs, routes }, read) => {
      if (part === 'residual') for (let t = 0; t < read; t++) add(hidden?.[0] ?? new Float32Array(), t)
      else {
        const ids = routes?.[layer][part]?.ids ?? new Int32Array()
        const rows = expertOutputs?.[0][part] ?? new Float32Array()
        for (const [i, id] of ids.entries()) if (id === (expert ?? id)) add(rows, i)
      }
    })
    if (count > 0) return Float32Array.from(sum, (value) => value / count)
    throw new UserError(expert === undefined ? `${name}: the file is empty` : `${name}: no token uses expert ${expert}`)
  }

  private async ofPrompt(prompt: string | number[]): Promise<Intervention[]> {
    const { model, entry, signal } = this
    const { layer, part, expert, tokens, route, weights } = entry
    if (route || weights)
      throw new UserError('"prompt" brings its own routes and weights: give no "route" or "weights"')
    const ids = typeof prompt === 'string' ? model.tokenizer.encode(prompt) : prompt
    const wanted = tokens === undefined || tokens === 'all' ? [...ids.keys()] : tokens
    const beyond = wanted.find((token) => token >= ids.length)
    if (beyond !== undefined) throw new UserError(`the prompt has ${ids.length} tokens, and so no token ${beyond}`)
    const run = await RecordedRun.read(model, ids, { layers: [layer], signal })
    return wanted.flatMap((token) => {
      if (part === 'residual') return [run.residual(layer, token)]
      return expert === undefined
        ? run.mixture({ layer, kind: part }, token)
        : [run.expert({ layer, kind: part, expert }, token)]
    })
  }
}
