import type { ModelConfig } from '../model/config/config.js'
import { architectureOf, layoutOf, publishedFormats } from '../model/families/index.js'
import { publishedShape } from '../model/families/published-shapes.js'
import { isMxfp4, type PartFormats, type Quant, type WeightFormat } from '../model/packing/format/formats.js'
import { leastBudget } from '../model/weights/bank-plan.js'
import { rowOf, sourcesOf } from './catalogue/known-names.js'
import { CHECKED, MODEL_ROWS, type ModelRow } from './catalogue/model-rows.js'
import { summariseParts } from './files/model-info.js'
import { splitName } from './folders/model-folders.js'
import { memoryNeeds } from './hub/plan.js'
import type { MachineSpeed } from './machine/machine-speed.js'
import { machineSpeed } from './machine/machine-speed.js'
import { totalMemory } from './machine/memory.js'
import { type ModelSpeed, predictSpeed } from './machine/predict-speed.js'

/** A published model that has a short name, and what it costs on this computer. */
export interface KnownModel extends Pick<ModelRow, 'name' | 'checkpoint' | 'licence' | 'published'> {
  /** Name of the GGUF file (`owner/name-GGUF:Q4_K_M`) or the checkpoint that `pullModel` fetches. */
  source: string
  family: string
  parameters: number
  activeParameters: number
  fetchBytes: number
  packedBytes: number
  /** Bytes of memory that the model takes with all of its weights loaded. */
  memoryBytes: number
  /** Predicted for this computer, in tokens per second. */
  speed: ModelSpeed
  /** Whether other programs slowed the measurement of this computer down: the model is at least as fast. */
  isSpeedLeast: boolean
  /** whole: in three quarters of this computer's memory. partly: with experts read from the disk. no: not even so. */
  fits: 'whole' | 'partly' | 'no'
  thinks: boolean
  callsTools: boolean
  /** Day on which the row was compared with copies of the hub's pages. */
  checked: string
}

export interface Computer {
  speed: MachineSpeed
  isDisturbed?: boolean
  /** Bytes of its memory. */
  memory: number
}

/** Share of the memory that is left to other programs. */
const OTHERS = 1 / 4

/** Assumed bytes a second of a disk: experts that do not fit are read from there. */
const DISK = 1e9

/** Bytes of a weight as published. MXFP4 has 4 bits, and 8 of scale for each 32 weights. */
const BFLOAT16_BYTES = 2
const MXFP4_BYTES = (4 + 8 / 32) / 8

/** All models that have a short name. Measures the computer first, in about a second, unless that has been done. */
export async function knownModels(computer?: Computer): Promise<KnownModel[]> {
  const known = computer ?? (await thisComputer())
  return MODEL_ROWS.map((row) => costsOf(row, known))
}

/**
 * The model that a short name means, in the packing `quant` or the name's own (`granite:q8`); undefined for other words.
 * Measures the computer as `knownModels` does.
 */
export async function knownModel(name: string, quant?: Quant, computer?: Computer): Promise<KnownModel | undefined> {
  const { repository, quant: named } = splitName(name)
  const row = rowOf(repository)
  return row && costsOf(row, computer ?? (await thisComputer()), named ?? quant)
}

async function thisComputer(): Promise<Computer> {
  return { ...(await machineSpeed()), memory: totalMemory() }
}

function costsOf(row: ModelRow, { speed, isDisturbed = false, memory }: Computer, quant?: Quant): KnownModel {
  const { name, checkpoint, licence, published, does } = row
  const config = publishedShape(row.shape)
  const [source] = sourcesOf(row, quant)
  const gguf = source === checkpoint ? undefined : row.gguf
  const formats = gguf ? ggufFormats(config, source) : publishedFormats(config, quant ?? 'q4')
  const layout = layoutOf(config, formats)
  const { running } = memoryNeeds(layout, 0)
  const overhead = running - layout.bytes
  const room = memory * (1 - OTHERS)
  const fits = running <= room ? 'whole' : leastBudget(layout) + overhead <= room ? 'partly' : 'no'
  const little = fits === 'whole' ? undefined : { memory: room - overhead, reading: DISK }
  const { parts } = summariseParts(config, formats, layout.parts)
  const stored = parts.filter((part) => part.name !== 'head' || !config.tieWordEmbeddings)
  return {
    ...{ name, source, checkpoint, licence, published },
    family: architectureOf(config).title,
    parameters: stored.reduce((sum, part) => sum + part.parameters, 0),
    activeParameters: parts.reduce((sum, part) => sum + part.active, 0),
    fetchBytes: gguf?.bytes ?? stored.reduce((sum, part) => sum + publishedBytes(part, formats), 0),
    packedBytes: layout.bytes,
    memoryBytes: running,
    speed: predictSpeed(config, layout.parts, speed, little),
    isSpeedLeast: isDisturbed,
    fits,
    thinks: does.includes('thinks'),
    callsTools: does.includes('calls tools'),
    checked: CHECKED,
  }
}

function publishedBytes(part: { name: string; parameters: number }, { mlp }: PartFormats): number {
  return part.parameters * (part.name === 'mlp experts' && isMxfp4(mlp) ? MXFP4_BYTES : BFLOAT16_BYTES)
}

/** About the formats that a GGUF file is packed in: its matrices are known only once its header is read. */
function ggufFormats(config: ModelConfig, source: string): PartFormats {
  const common = { embedding: 'q8', router: 'f32', head: 'q8' } as const
  if (source.endsWith(':MXFP4')) return { ...common, attention: 'q8', mlp: 'mxfp4' }
  const finer = source.endsWith('_M') ? Array.from({ length: config.layers }, (_, layer) => layer).filter(isFiner) : []
  const pieces = Object.fromEntries(finer.map((layer) => [`layers.${layer}.mlp.*/down`, 'q8' as WeightFormat]))
  return { ...common, attention: 'q4m', mlp: 'q4m', pieces }

  /** Layers whose last matrices llama.cpp keeps in 6 bits: the first eighth, the last, and a third of the others. */
  function isFiner(layer: number): boolean {
    const eighth = Math.floor(config.layers / 8)
    return layer < eighth || layer >= 7 * eighth || (layer - eighth) % 3 === 2
  }
}
