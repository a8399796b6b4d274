import type { GgufModel } from '../support/gguf-model.js'
import { type GgufTensor, type GgufValue, list, text, u32 } from '../support/gguf-writer.js'
import type { Chance } from './chance.js'

/** Contents of a GGUF file that need not be sound: a key may appear twice. */
export interface LooseModel {
  metadata: [string, GgufValue][]
  tensors: GgufTensor[]
}

/** Copy of a model with one to three faults in its metadata or tensors, all noted. */
export function harmGguf({ metadata, tensors }: GgufModel, chance: Chance): LooseModel {
  const harmed: LooseModel = { metadata: [...metadata], tensors: [...tensors] }
  for (let left = chance.oneIn(2) ? 1 : chance.between(1, 3); left > 0; left--) {
    if (chance.oneIn(2)) harmMetadata(harmed.metadata, chance)
    else harmTensors(harmed.tensors, chance)
  }
  return harmed
}

const SCALARS = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'u64', 'i64', 'f64'] as const
const NUMBERS = [0, 1, 2, 3, 7, 31, 63, 255, 256, 1e4, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 32 - 1]
const ODD_NUMBERS = [-1, 0.5, -0.5, 1e30, 1e-30, Number.NaN, Number.POSITIVE_INFINITY]
const TEXTS = [
  ...['', 'none', 'yarn', 'linear', 'llama', 'gpt-oss', 'mamba', '\u001b[2J', '../x', 'ü', '{{ a }}', '{% for'],
  'x'.repeat(1e4),
]

function harmMetadata(metadata: [string, GgufValue][], chance: Chance): void {
  const at = chance.below(metadata.length)
  const [key, value] = metadata[at]
  switch (chance.below(6)) {
    case 0:
      chance.note(`${key} is gone`)
      metadata.splice(at, 1)
      return
    case 1:
      chance.note(`${key} appears twice`)
      metadata.push([key, otherValue(value, chance)])
      return
    case 2: {
      const name = chance.pick([key.toUpperCase(), `${key}\u0000`, '', `${key}.x`, 'general.alignment', 'split.count'])
      chance.note(`${key} is named ${JSON.stringify(name)}`)
      metadata[at] = [name, value]
      return
    }
    default:
      metadata[at] = [key, otherValue(value, chance)]
      chance.note(`${key} has another value: ${JSON.stringify(metadata[at][1], safe).slice(0, 100)}`)
  }
}

const safe = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

function otherValue(value: GgufValue, chance: Chance): GgufValue {
  if (value.type === 'array' && !chance.oneIn(3)) return otherArray(value, chance)
  switch (chance.below(4)) {
    case 0:
      return text(chance.pick(TEXTS))
    case 1:
      return chance.pick([list('u32', []), list('array', []), nested(chance.between(1, 8)), list('bool', [true])])
    default: {
      const type =
        chance.oneIn(2) && value.type !== 'array' && value.type !== 'text' ? value.type : chance.pick(SCALARS)
      const isFloat = type === 'f32' || type === 'f64'
      return { type, value: chance.pick(isFloat ? [...NUMBERS, ...ODD_NUMBERS] : NUMBERS) }
    }
  }
}

function otherArray(value: GgufValue & { type: 'array' }, chance: Chance): GgufValue {
  const values = [...value.values]
  const at = chance.below(values.length)
  if (values.length === 0 || chance.oneIn(4)) return { ...value, values: [...values, ...values].slice(0, 4096) }
  if (chance.oneIn(3)) values.splice(at, 1 + chance.size(values.length - at))
  else if (chance.oneIn(2)) values[at] = values[chance.below(values.length)]
  else values[at] = value.of === 'text' ? chance.pick(TEXTS) : chance.pick(NUMBERS)
  return { ...value, values }
}

function nested(depth: number): GgufValue {
  return depth === 0 ? list('u32', [1]) : list('array', [nested(depth - 1)])
}

function harmTensors(tensors: GgufTensor[], chance: Chance): void {
  const at = chance.below(tensors.length)
  const tensor = tensors[at]
  const change = (what: string, changed: Partial<GgufTensor>) => {
    chance.note(`${tensor.name} ${what}`)
    tensors[at] = { ...tensor, ...changed }
  }
  switch (chance.below(7)) {
    case 0:
      chance.note(`${tensor.name} is gone`)
      tensors.splice(at, 1)
      return
    case 1:
      chance.note(`${tensor.name} is there twice`)
      tensors.push(tensor)
      return
    case 2: {
      const names = [chance.pick(tensors).name, '', 'blk.0.\u001b[2J', 'blk.999.attn_q.weight', 'x'.repeat(5000)]
      return change('has another name', { name: chance.pick(names) })
    }
    case 3: {
      const type = chance.oneIn(2) ? chance.below(45) : chance.pick([0, 1, 2, 8, 12, 14, 24, 28, 30, 39, 2 ** 31])
      return change(`has type ${type}`, { type })
    }
    case 4: {
      const ne = [...tensor.ne]
      ne[chance.below(ne.length)] = chance.pick([0, 1, 2, 31, 32, 33, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 60])
      return change(`has sizes ${ne}`, { ne })
    }
    case 5: {
      const ne = chance.pick([tensor.ne.toReversed(), [...tensor.ne, 1], tensor.ne.slice(1), new Array(70).fill(1)])
      return change(`has sizes ${ne.slice(0, 5)}`, { ne })
    }
    default:
      return change('has other data', { data: chance.bytes(chance.size(2 * tensor.data.length)) })
  }
}

/** Copy of the metadata of parts with a fault in what they say about the split. */
export function harmSplit(metadata: Iterable<[string, GgufValue]>, chance: Chance): [string, GgufValue][] {
  const key = chance.pick(['split.no', 'split.count', 'split.tensors.count'])
  const value = chance.pick([...NUMBERS, -1])
  chance.note(`${key} is ${value}`)
  return [...metadata].map(([name, old]) => [name, name === key ? u32(Math.max(0, value)) : old])
}
