import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { ModelInfo, StoredType } from '../../api/model.js'
import { NO_FILES, whileOpen } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { span } from '../../model/checkpoint/tensor.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { checkTensors } from '../../model/packing/write/check-tensors.js'
import { copyCompanions } from '../../model/packing/write/copy-companions.js'
import type { PackSource } from '../../model/packing/write/pack-source.js'
import { freshCopy } from '../folders/gguf-copies.js'
import { nameOfPath } from '../folders/model-folders.js'
import { openGgufModel } from '../packing/open-pack-source.js'
import { modelFiles } from './model-files.js'

/** Describes a GGUF file, as `ggufPath` finds it, by its header. Rejects with a UserError if molm cannot pack it. */
export async function describeGguf(path: string, quant?: Quant): Promise<ModelInfo> {
  const { source, config } = await openGgufModel(localFolder(dirname(path)), basename(path), NO_FILES, quant)
  return whileOpen(source, async () => {
    checkTensors(source.blueprint, source.tensors, source.name, source.formats)
    const { formats } = source
    const found = { name: nameOfPath(path), path, kind: 'gguf', quant: source.quant, formats, config } as const
    const info = await inTemporaryFolder(async (folder) => {
      await copyCompanions(source.companions, folder, {})
      return modelFiles({ ...found, folder }).info()
    })
    const copy = (await freshCopy(path, quant))?.file.path
    return { ...info, stored: storedTypes(source), ...(copy !== undefined && { copy }) }
  })
}

/** Counts the tensors of each type, and the formats that the pieces made from them have. */
function storedTypes({ tensors, blueprint, formats }: PackSource): StoredType[] {
  const formatsOf = new Map<string, Set<string>>()
  for (const { pieces } of blueprint.parts(formats)) {
    for (const { sources, format } of pieces) {
      for (const { tensor } of sources) formatsOf.set(tensor.key, (formatsOf.get(tensor.key) ?? new Set()).add(format))
    }
  }
  const types = new Map<string, { tensors: number; bytes: number; formats: Set<string> }>()
  for (const [name, tensor] of tensors) {
    const entry = types.get(tensor.dtype) ?? { tensors: 0, bytes: 0, formats: new Set() }
    const { start, end } = span(tensor)
    entry.tensors++
    entry.bytes += end - start
    for (const format of formatsOf.get(name) ?? []) entry.formats.add(format)
    types.set(tensor.dtype, entry)
  }
  return [...types]
    .map(([type, entry]) => ({ type, ...entry, formats: [...entry.formats].sort() }))
    .sort((a, b) => b.bytes - a.bytes)
}

/** Runs `use` with a folder for the files that are made from the metadata: their readers take a folder. */
async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'molm-gguf-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
