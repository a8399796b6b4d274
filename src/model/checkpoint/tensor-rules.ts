import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { rows, select, shapeText, type Tensor } from './tensor.js'

/** Placeholders in names of tensors: a number, or at the end of a name all that follows. */
export const PLACEHOLDERS = ['{layer}', '{expert}', '{rest}'] as const

/** A rule that gives tensors of a checkpoint the names that a family has for them. */
export interface TensorRule {
  /** The names that it is for, with placeholders. */
  from: string
  /**
   * New names. Several are for runs of rows, in order; `share` is the relative length of one. If only new names have
   * `{expert}`, the first dimension counts experts.
   */
  to: { name: string; share: number }[]
  /** File and line, for messages. */
  source: string
}

/** Most experts of a tensor that has them all. */
const MOST_EXPERTS = 2 ** 12

/** The tensors by their new names. A tensor that no rule is for keeps its own; of several rules the first counts. */
export function renamed(tensors: ReadonlyMap<string, Tensor>, rules: readonly TensorRule[]): Map<string, Tensor> {
  const patterns = rules.map(({ from }) => from.split('.'))
  const result = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) {
    const segments = name.split('.')
    let values: Values | undefined
    const rule = rules.find((_, i) => {
      values = fit(segments, patterns[i])
      return values !== undefined
    })
    for (const [key, piece] of rule && values ? piecesOf(tensor, rule, values) : [[name, tensor] as const]) {
      if (result.has(key)) {
        const by = rule?.source ?? rules[0].source
        throw new UserError(`${by}: ${printable(name)} would be a second tensor ${printable(key)}`)
      }
      result.set(key, piece)
    }
  }
  return result
}

type Values = ReadonlyMap<string, string>

/** Values of the placeholders of a pattern in a name; undefined if it does not fit. */
function fit(segments: readonly string[], pattern: readonly string[]): Values | undefined {
  const isOpen = pattern.at(-1) === '{rest}'
  if (isOpen ? segments.length < pattern.length : segments.length !== pattern.length) return undefined
  const values = new Map<string, string>()
  for (const [i, wanted] of pattern.entries()) {
    if (wanted === '{rest}') return values.set(wanted, segments.slice(i).join('.'))
    const isNumber = wanted === '{layer}' || wanted === '{expert}'
    if (isNumber ? !/^\d+$/.test(segments[i]) : segments[i] !== wanted) return undefined
    if (isNumber) values.set(wanted, segments[i])
  }
  return values
}

function* piecesOf(tensor: Tensor, rule: TensorRule, values: Values): Generator<[string, Tensor]> {
  const { to } = rule
  if (values.has('{expert}') || !to.some(({ name }) => name.includes('{expert}'))) {
    yield* cut(tensor, rule, values)
    return
  }
  const experts = tensor.shape[0] ?? 0
  if (tensor.shape.length < 2 || experts > MOST_EXPERTS) {
    throw refusal(tensor, rule, `has no first dimension of at most ${MOST_EXPERTS} experts`)
  }
  for (let id = 0; id < experts; id++) {
    yield* cut(select(tensor, 0, id), rule, new Map([...values, ['{expert}', String(id)]]))
  }
}

/** Cuts a tensor between rows, and names the pieces. */
function* cut(tensor: Tensor, rule: TensorRule, values: Values): Generator<[string, Tensor]> {
  const nameOf = (pattern: string) =>
    pattern.replace(/\{\w+\}/g, (placeholder) => values.get(placeholder) ?? placeholder)
  const { to } = rule
  if (to.length === 1) {
    yield [nameOf(to[0].name), tensor]
    return
  }
  const whole = to.reduce((sum, { share }) => sum + share, 0)
  const unit = (tensor.shape[0] ?? 0) / whole
  if (tensor.shape.length === 0 || !Number.isInteger(unit)) {
    throw refusal(tensor, rule, `cannot be cut into ${whole} equal parts`)
  }
  let first = 0
  for (const { name, share } of to) {
    yield [nameOf(name), rows(tensor, first, first + share * unit)]
    first += share * unit
  }
}

function refusal({ name, shape }: Tensor, { source }: TensorRule, why: string): UserError {
  return new UserError(`${source}: tensor ${printable(name)} of shape ${shapeText(shape)} ${why}`)
}
