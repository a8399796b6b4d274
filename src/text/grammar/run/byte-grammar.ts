import { UserError } from '../../../ground/errors.js'
import { sharedBuffer } from '../../../ground/platform/threads.js'

/** A byte of these, or a special token, and then `rest`. */
export interface Edge {
  from: number
  to: number
  rest: number
}

/** A part of a grammar, with the numbers of the parts in it. */
export type Node =
  /** One of the bytes or special tokens. */
  | { kind: 'symbols'; bytes: readonly Edge[]; specials: readonly { special: number; rest: number }[] }
  | { kind: 'sequence'; parts: readonly number[] }
  | { kind: 'choice'; options: readonly number[] }
  | { kind: 'repeat'; part: number; atLeast: number; atMost: number }
  | { kind: 'rule'; body: number }

export const NOTHING = 0

const MOST_NODES = 2 ** 20

/** A grammar of bytes, without parts that match no text. */
export class ByteGrammar {
  /** Equal nodes are one, so that a state has one stack for all. */
  private readonly numbers = new Map<string, number>()

  constructor(
    readonly nodes: Node[] = [{ kind: 'sequence', parts: [] }],
    public root = NOTHING,
  ) {
    for (const [number, node] of nodes.entries())
      if (node.kind === 'repeat') this.numbers.set(JSON.stringify(node), number)
  }

  /** The same repetition after one more time of its part. */
  once({ part, atLeast, atMost }: Extract<Node, { kind: 'repeat' }>): number {
    return this.repeat(part, Math.max(0, atLeast - 1), atMost - 1)
  }

  /** A node with the same texts of up to `most` bytes, and the same beginnings of longer ones. */
  alike(number: number, most: number): number {
    const node = this.nodes[number]
    if (node.kind !== 'repeat') return number
    const atMost = node.atMost > most ? Infinity : node.atMost
    return this.repeat(node.part, Math.min(node.atLeast, most + 1), atMost)
  }

  repeat(part: number, atLeast: number, atMost: number): number {
    return atMost === 0 ? NOTHING : this.add({ kind: 'repeat', part, atLeast, atMost })
  }

  /** Number of a node, added unless there is an equal one. */
  add(node: Exclude<Node, { kind: 'rule' }>): number {
    const key = JSON.stringify(node)
    const known = this.numbers.get(key)
    if (known !== undefined) return known
    const number = this.addNew(node)
    this.numbers.set(key, number)
    return number
  }

  /** Throws a UserError if the grammar has too many nodes. */
  addNew(node: Node): number {
    if (this.nodes.length >= MOST_NODES) throw new UserError('it is too large')
    return this.nodes.push(node) - 1
  }
}

/** A grammar in memory that any thread can read. */
export function sharedGrammar({ nodes, root }: ByteGrammar): SharedArrayBuffer {
  const json = new TextEncoder().encode(JSON.stringify({ nodes, root }))
  const shared = sharedBuffer(json.length)
  new Uint8Array(shared).set(json)
  return shared
}

export function grammarIn(shared: SharedArrayBuffer): ByteGrammar {
  // Decoders refuse shared memory.
  const { nodes, root } = JSON.parse(new TextDecoder().decode(new Uint8Array(shared).slice())) as ByteGrammar
  // JSON has no Infinity.
  for (const node of nodes) if (node.kind === 'repeat') node.atMost ??= Infinity
  return new ByteGrammar(nodes, root)
}
