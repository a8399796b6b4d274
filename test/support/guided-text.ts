import type { GuideSpec } from '#molm/api/guide.js'
import type { Tokenizer } from '#molm/api/text.js'
import { messageText } from '#molm/ground/message.js'
import type { Guides } from '#molm/text/grammar/guide-client.js'
import { type Directive, GuideReader } from '#molm/text/grammar/guide-ends.js'

/** Gives a token of those whose bits are set, or of all if there is no mask. */
export type Chooser = (mask: Int32Array | undefined) => number

interface GuidedText {
  tokens: number[]
  text: string
  /** Why it ended: the guide, a token that ends texts, or the limit of tokens. */
  end: 'done' | 'eos' | 'length'
  /** Tokens that the guide forced. */
  forced: number
}

/** Writes a text under a guide as an engine does, with tokens that `choose` gives. Throws the message of a guide that fails. */
export async function guidedText(
  guides: Guides,
  spec: GuideSpec,
  {
    tokenizer,
    vocabSize = tokenizer.vocabSize,
    choose,
    eos = [],
    most = 200,
  }: {
    tokenizer: Tokenizer
    vocabSize?: number
    choose: Chooser
    eos?: number[]
    most?: number
  },
): Promise<GuidedText> {
  const guide = await guides.open(spec, { eos })
  const reader = new GuideReader(guide.memory, vocabSize)
  const tokens: number[] = []
  let forced = 0
  const result = (end: GuidedText['end']): GuidedText => {
    const bytes = tokens.flatMap((token) => [...tokenizer.bytesOf(token)])
    return { tokens, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(bytes)), end, forced }
  }
  try {
    while (tokens.length < most) {
      const directive = await directiveOf(reader)
      if (directive.kind === 'failed') throw new Error(messageText(directive.message))
      if (directive.kind === 'done') return result('done')
      if (directive.kind === 'forced') {
        tokens.push(...directive.tokens)
        forced += directive.tokens.length
        reader.tell()
        continue
      }
      const token = choose(directive.kind === 'masked' ? directive.mask : undefined)
      if (eos.includes(token)) return result('eos')
      tokens.push(token)
      reader.tell(token)
    }
    return result('length')
  } finally {
    guide.close()
  }
}

/** The next directive. Between looks for it this thread does its other work, such as moving the guide. */
export async function directiveOf(reader: GuideReader): Promise<Directive> {
  for (;;) {
    const directive = reader.directive(1)
    if (directive) return directive
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Chooses any allowed token, each as likely as the others. `random` gives numbers from 0 up to 1. */
export function anyOf(random: () => number, size: number): Chooser {
  return (mask) => {
    if (!mask) return Math.floor(random() * size)
    const allowed = allowedBy(mask, size)
    return allowed[Math.floor(random() * allowed.length)]
  }
}

/** Tokens whose bits are set. */
export function allowedBy(mask: Int32Array, size: number): number[] {
  return Array.from({ length: size }, (_, id) => id).filter((id) => (mask[id >> 5] >> (id & 31)) & 1)
}

/** A tokenizer with these tokens and no merges: it encodes with the longest token first. `specials` are among them. */
export function tokenizerOf(tokens: readonly string[], specials: readonly string[] = []): Tokenizer {
  const bytes = tokens.map((token) => new TextEncoder().encode(token))
  const encode = (text: string): number[] => {
    const ids: number[] = []
    for (let at = 0; at < text.length; ) {
      const fitting = tokens.filter((token) => token !== '' && text.startsWith(token, at))
      const longest = fitting.reduce((best, token) => (token.length > best.length ? token : best))
      ids.push(tokens.indexOf(longest))
      at += longest.length
    }
    return ids
  }
  return {
    vocabSize: tokens.length,
    specialIds: new Set(specials.map((token) => tokens.indexOf(token))),
    isQuick: true,
    encode,
    encodeAsync: async (text) => encode(text),
    encodeUpTo: async (text) => encode(text),
    literal: (text) => text,
    decode: (ids) => Array.from(ids, (id) => tokens[id]).join(''),
    decodeAsync: async (ids) => Array.from(ids, (id) => tokens[id]).join(''),
    bytesOf: (id) => bytes[id],
    token: (id) => tokens[id],
    idOf: (token) => tokens.indexOf(token),
  }
}

/** Chooses any allowed token, but mostly one that may bring the text to its end: an end, a bracket or a quote. */
export function hasteOf(random: () => number, tokenizer: Tokenizer): Chooser {
  const any = anyOf(random, tokenizer.vocabSize)
  const isEnd = (id: number) => tokenizer.specialIds.has(id) || /^["\]}]+$/.test(tokenizer.token(id))
  return (mask) => {
    const ends = mask && random() < 0.6 ? allowedBy(mask, tokenizer.vocabSize).filter(isEnd) : []
    return ends.length > 0 ? ends[Math.floor(random() * ends.length)] : any(mask)
  }
}
