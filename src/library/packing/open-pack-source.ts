import { join } from 'node:path'
import { type FileSet, textSource } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import type { ModelConfig } from '../../model/config/config.js'
import { described } from '../../model/families/description.js'
import { blueprintOf, parseConfig } from '../../model/families/index.js'
import { ggufBlueprint } from '../../model/gguf/blueprint.js'
import { ggufConfig } from '../../model/gguf/config/config.js'
import { type GgufFile, openGguf } from '../../model/gguf/file/gguf-file.js'
import { ggufFormats } from '../../model/gguf/formats.js'
import { ggufTexts } from '../../model/gguf/tokenizer/texts.js'
import { isNote } from '../../model/packing/format/companions.js'
import type { Quant } from '../../model/packing/format/formats.js'
import type { Blueprint } from '../../model/packing/format/layout.js'
import { openCheckpointSource, type PackSource } from '../../model/packing/write/pack-source.js'
import { familiesFolder } from '../folders/model-folders.js'

export interface SourceRequest {
  /** Default: q4 for a checkpoint, and the formats that it has for a GGUF file. */
  quant?: Quant
  /** A GGUF file in place of a checkpoint, and the files whose notes go with it: model card, licences. */
  gguf?: { file: string; notes: FileSet }
}

/** Opens a checkpoint or a GGUF file for packing. Rejects with a UserError that names what is missing or damaged. */
export async function openPackSource(files: FileSet, { quant, gguf }: SourceRequest): Promise<PackSource> {
  if (!gguf) {
    const { files: own, rules } = await described(files, localFolder(familiesFolder()))
    const read: typeof readBlueprint = (json, path) => blueprintOf({ ...parseConfig(json, path), tensorRules: rules })
    return openCheckpointSource(own, quant ?? 'q4', read, rules)
  }
  return (await openGgufModel(files, gguf.file, gguf.notes, quant)).source
}

export interface OpenGguf {
  file: GgufFile
  config: ModelConfig
  source: PackSource
}

/** Opens a GGUF file in a folder. `notes` has the model card and licences that go with it. */
export async function openGgufModel(
  files: FileSet,
  name: string,
  notes: FileSet,
  quant: Quant | undefined,
): Promise<OpenGguf> {
  const file = await openGguf(files, name)
  try {
    const path = `${files.name}/${name}`
    const json = ggufConfig(file)
    const config = parseConfig(json, path)
    const blueprint = ggufBlueprint(blueprintOf(config), file)
    const { tensors, sources, files: names, close } = file
    const warnings: string[] = []
    let made: Record<string, string> | undefined
    const texts = () => {
      made ??= {
        ...ggufTexts(file, (problem) => warnings.push(problem)),
        'config.json': `${JSON.stringify(json, null, 2)}\n`,
      }
      return made
    }
    const source = {
      name: path,
      tensors,
      files: names.map((name, i) => ({ name, bytes: sources[i].size })),
      blueprint,
      companions: withTexts(files.name, texts, notes),
      warnings: () => {
        texts()
        return warnings
      },
      ...ggufFormats(blueprint, file, quant),
      close,
    }
    return { file, config, source }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Files with these texts, made on demand, and the notes among `others`: model card and licences. */
function withTexts(name: string, texts: () => Record<string, string>, others: FileSet): FileSet {
  return {
    name,
    list: async () => [...Object.keys(texts()), ...(await others.list()).filter(isNote)],
    async open(file) {
      if (!Object.hasOwn(texts(), file)) return others.open(file)
      return textSource(join(name, file), texts()[file])
    },
  }
}

/** Reads a parsed config.json. Throws a UserError, which begins with `path`, if molm does not run such a model. */
export function readBlueprint(json: unknown, path: string): Blueprint {
  return blueprintOf(parseConfig(json, path))
}
