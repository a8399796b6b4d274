import { ByteGrammar, type Node } from './byte-grammar.js'

/*
 * A grammar of bytes as numbers in shared memory: one thread prepares it, and any other can follow it. The first word is
 * the root; each node follows with its kind and its parts.
 */

const KINDS = ['symbols', 'sequence', 'choice', 'repeat', 'rule'] as const
/** Most times of a part. No text is as long, so more are the same. */
const MOST_TIMES = 2 ** 31 - 1

export function wordsOfGrammar({ nodes, root }: ByteGrammar): SharedArrayBuffer {
  const words = [root]
  for (const node of nodes) {
    words.push(KINDS.indexOf(node.kind))
    addParts(words, node)
  }
  const shared = new Int32Array(new SharedArrayBuffer(4 * words.length))
  shared.set(words)
  return shared.buffer
}

function addParts(words: number[], node: Node): void {
  switch (node.kind) {
    case 'symbols':
      words.push(node.bytes.length, node.specials.length)
      for (const { from, to, rest } of node.bytes) words.push(from, to, rest)
      for (const { special, rest } of node.specials) words.push(special, rest)
      return
    case 'sequence':
    case 'choice': {
      const parts = node.kind === 'choice' ? node.options : node.parts
      words.push(parts.length)
      for (const part of parts) words.push(part)
      return
    }
    case 'repeat':
      words.push(node.part, Math.min(node.atLeast, MOST_TIMES), Math.min(node.atMost, MOST_TIMES))
      return
    case 'rule':
      words.push(node.body)
  }
}

export function grammarOfWords(shared: SharedArrayBuffer): ByteGrammar {
  const words = new Int32Array(shared)
  const nodes: Node[] = []
  for (let at = 1; at < words.length; ) {
    const next = () => words[at++]
    const list = <T>(length: number, read: () => T): T[] => Array.from({ length }, read)
    const kind = KINDS[next()]
    switch (kind) {
      case 'symbols': {
        const [bytes, specials] = [next(), next()]
        nodes.push({
          kind,
          bytes: list(bytes, () => ({ from: next(), to: next(), rest: next() })),
          specials: list(specials, () => ({ special: next(), rest: next() })),
        })
        break
      }
      case 'sequence':
        nodes.push({ kind, parts: list(next(), next) })
        break
      case 'choice':
        nodes.push({ kind, options: list(next(), next) })
        break
      case 'repeat': {
        const [part, atLeast, atMost] = [next(), next(), next()]
        nodes.push({ kind, part, atLeast, atMost: atMost === MOST_TIMES ? Infinity : atMost })
        break
      }
      case 'rule':
        nodes.push({ kind, body: next() })
    }
  }
  return new ByteGrammar(nodes, words[0])
}
