import { contiguousStrides, rows, select, type Tensor } from '../checkpoint/tensor.js'
import type { Piece, Source } from '../packing/format/layout.js'
import type { GgufFile } from './gguf-file.js'
import type { PieceNames } from './piece-names.js'

/** Changes a tensor of a file before rows of it are taken. */
export type Arrange = (tensor: Tensor) => Tensor

export interface SourceOptions {
  prefix: string
  /** The expert, and the number of experts that a tensor has. */
  expert?: { id: number; count: number }
  /** Changes of the sources' tensors, by their index. */
  arrange?: readonly (Arrange | undefined)[]
}

/** Sources of a piece in a file, with the rows and columns of the planned ones. */
export function sourcesIn(file: GgufFile, piece: Piece, names: PieceNames, options: SourceOptions): Source[] {
  const { prefix, expert, arrange = [] } = options
  const arranged = (tensor: Tensor, index: number) => arrange[index]?.(tensor) ?? tensor
  const isVector = piece.kind === 'vector'
  const planned = wholeSources(piece)
  const shapeOf = ({ rows, cols }: Pick<Source, 'rows' | 'cols'>) => (isVector ? [cols] : [rows, cols])
  const joined = names.joined === undefined ? undefined : prefix + names.joined
  const isInOrder = planned.every(({ arrange }) => arrange === undefined)
  if (joined !== undefined && isInOrder && (names.sources.length === 0 || file.tensors.has(joined))) {
    const total = isVector ? [sum(planned, 'cols')] : [sum(planned, 'rows'), planned[0].cols]
    let from = 0
    return planned.map((source, index) => {
      const first = from
      from += isVector ? source.cols : source.rows
      const end = from
      return inTensor(file, joined, source, total, {
        expert,
        take: (t) => arranged(rows(t, first, end), index),
      })
    })
  }
  if (names.columns) {
    const [[name]] = names.sources
    const shape = [planned[0].cols, planned.length]
    return planned.map((source, index) =>
      inTensor(file, prefix + name, source, shape, { take: (t) => select(t, 1, index) }),
    )
  }
  const single = expert && names.single?.map((name) => prefix + name.replace('{e}', String(expert.id)))
  if (single?.every((name) => file.tensors.has(name))) {
    return planned.map((source, index) => inTensor(file, single[index], source, shapeOf(source), {}))
  }
  return planned.map((source, index) => {
    const known = names.sources[index].map((name) => prefix + name)
    const name = known.find((name) => file.tensors.has(name)) ?? known[0]
    return isArranged(file, name, source)
      ? inTensor(file, name, source, source.tensor.shape, { take: source.arrange })
      : inTensor(file, name, source, shapeOf(source), { expert, take: (t) => arranged(t, index) })
  })
}

/** Whether a tensor has the rows of a checkpoint's whole tensor, which the planned source reorders. */
function isArranged(file: GgufFile, name: string, { tensor, arrange }: Planned): boolean {
  return arrange !== undefined && file.tensors.get(name)?.shape[0] === tensor.shape[0]
}

type Planned = Pick<Source, 'rows' | 'cols' | 'tensor' | 'arrange'>

/** The planned sources; one with alternating rows counts as its two halves. */
function wholeSources({ sources, order }: Piece): Planned[] {
  if (order !== 'alternating') return sources
  return sources.flatMap(({ rows, cols, tensor }) => [
    { rows: rows / 2, cols, tensor },
    { rows: rows / 2, cols, tensor },
  ])
}

/** A source in a tensor of a shape; with an expert the tensor has one more dimension in front. */
function inTensor(
  file: GgufFile,
  key: string,
  { rows, cols }: Pick<Source, 'rows' | 'cols'>,
  ownShape: number[],
  { expert, take = (t) => t }: { expert?: SourceOptions['expert']; take?: Arrange },
): Source {
  const shape = expert ? [expert.count, ...ownShape] : ownShape
  const stored = file.tensors.get(key)?.shape
  // GGUF keeps no dimensions of 1 at the end, which is our beginning, or may have more of them.
  const isSame = stored !== undefined && String(stored.filter(isMore)) === String(shape.filter(isMore))
  const view = (tensors: Map<string, Tensor>) => {
    const tensor = tensors.get(key)
    if (tensor === undefined) throw new RangeError(`the file has no tensor ${key}`)
    const whole = { ...tensor, shape, strides: contiguousStrides(shape) }
    return take(expert ? select(whole, 0, expert.id) : whole)
  }
  return { tensor: { key, shape: isSame ? stored : shape }, rows, cols, view }
}

function isMore(size: number): boolean {
  return size !== 1
}

function sum(sources: readonly Pick<Source, 'rows' | 'cols'>[], key: 'rows' | 'cols'): number {
  return sources.reduce((total, source) => total + source[key], 0)
}
