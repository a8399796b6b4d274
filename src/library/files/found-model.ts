import type { ChatTemplate, GenerationDefaults, Tokenizer } from '../../api/text.js'
import type { PartFormats, Quant } from '../../model/packing/format/formats.js'
import type { PackedFile } from '../../model/packing/format/packed-file.js'
import type { FolderConfig } from './model-config.js'

/** gguf: a GGUF file that is not packed yet. */
export type ModelKind = 'packed' | 'checkpoint' | 'gguf' | 'random'

export interface FoundModel<Kind extends ModelKind = ModelKind> extends FolderConfig {
  name: string
  /** Folder of config.json and the tokenizer's files; empty if there is none. */
  folder: string
  /** Packed file, the checkpoint's folder, or the GGUF file. */
  path: string
  kind: Kind
  /** Table of contents of a packed model. */
  file?: PackedFile
  /** Path of the GGUF file, if it is one or a packed copy of one that was asked for by its name. */
  gguf?: string
  quant: Quant
  formats: PartFormats
  source?: string
  sourceRevision?: string
  /** Whether random weights let stick-breaking attention see thousands of keys. */
  hasLongSticks?: boolean
}

/** The files beside a model's weights, read; absent if the folder lacks them. */
export interface Companions {
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate
  /** From generation_config.json; empty without one. */
  defaults: GenerationDefaults
}
