import type { ChatTemplate, DecodeOptions, EncodeAsyncOptions, EncodeOptions, Tokenizer } from '../api/text.js'
import { joined } from '../ground/bytes.js'
import { UsageError, UserError } from '../ground/errors.js'
import { atOnce, inTurns } from '../ground/in-turns.js'
import { shown } from '../ground/option-checks.js'
import { pathIn, statOf } from '../ground/platform/files.js'
import { reasonOf } from '../ground/printable.js'
import { TAGS } from './prompt/literal-texts.js'
import { BYTE_LEVEL, createSentencePieceDecoder, type Decoder } from './tokenizer/decoder.js'
import type { AddedToken } from './tokenizer/definition/added-tokens.js'
import type { CompiledTokenizer } from './tokenizer/definition/compiled-tokenizer.js'
import { LiteralText } from './tokenizer/definition/literal-text.js'
import {
  COMPILED_TOKENIZER,
  kindOf,
  readTokenizerDefinition,
  type TokenizerDefinition,
} from './tokenizer/definition/tokenizer-definition.js'
import { checkAddedTokens, readVocabulary, type Vocabulary } from './tokenizer/definition/vocabulary.js'
import { Encoder, isQuick } from './tokenizer/encoding/encoder.js'
import { createNormalizer, isQuickNormalizer } from './tokenizer/encoding/normalizer.js'

/** Encodes synchronously, or in turns of the event loop. */
interface Encoding {
  isQuick: boolean
  atOnce(text: string, options?: EncodeOptions): number[]
  /** Undefined if the text has more than `most` tokens. */
  inTurns(text: string, most: number, options?: EncodeAsyncOptions): Promise<number[] | undefined>
}

/**
 * Loads the tokenizer of a checkpoint folder: tokenizer.json, or vocab.json with merges.txt. Reads tokenizer.molm in
 * place of the tokenizer.json that it was made from, since that is faster. Undefined if the folder has neither form.
 * Rejects with a UserError that names the unusable file. The tokens that `template` writes are reserved for it.
 */
export async function loadTokenizer(dir: string, template?: Template): Promise<Tokenizer | undefined> {
  const compiled = (await statOf(pathIn(dir, COMPILED_TOKENIZER))) && (await readCompiled(dir))
  // An unusable compiled tokenizer is no error, since its original is there.
  const quick = compiled && (await loadFrom(dir, template, compiled).catch(() => undefined))
  return quick ?? loadFrom(dir, template)
}

/** Imported on demand, since most models have a small tokenizer. */
async function readCompiled(dir: string): Promise<CompiledTokenizer | undefined> {
  const { readCompiledTokenizer } = await import('./tokenizer/compile-tokenizer.js')
  return readCompiledTokenizer(dir)
}

type Template = Pick<ChatTemplate, 'mentions'>

async function loadFrom(dir: string, template?: Template, compiled?: CompiledTokenizer) {
  const definition = await readTokenizerDefinition(dir, compiled)
  if (!definition) return undefined
  // The process of a slow tokenizer gets its whole definition.
  if (compiled && !isQuick(definition)) return undefined
  for (const token of definition.addedTokens) token.reserved = isReserved(token, template)
  try {
    return await createTokenizer(definition, compiled)
  } catch (error) {
    throw new UserError(`${definition.file}: ${reasonOf(error)}`)
  }
}

/** Words, blanks and signs in the source of a template are tokens of any text. One character cannot be broken. */
function isReserved({ content, special }: AddedToken, template?: Template): boolean {
  if (special || !template) return special && [...content].length > 1
  const isTag = /\p{L}/u.test(content) && /[^\p{L}\p{N}\s_]/u.test(content)
  return TAGS.has(content) || (isTag && template.mentions?.(content) === true)
}

async function createTokenizer(definition: TokenizerDefinition, compiled?: CompiledTokenizer): Promise<Tokenizer> {
  const kind = kindOf(definition)
  const vocabulary = compiled?.vocabulary ?? readVocabulary(definition.model.vocab)
  const { decoder: parts, normalizer } = definition.json
  // A normalizer that is not quick runs only in the tokenizer's own process.
  const normalize = isQuickNormalizer(normalizer) ? createNormalizer(normalizer) : (text: string) => text
  const decoder = kind === 'byte-level' ? BYTE_LEVEL : createSentencePieceDecoder(parts, normalize)
  const encoder = new Encoder(definition, vocabulary, kind, compiled?.merges)
  const encoding = isQuick(definition) ? onThisThread(encoder) : await inOwnProcess(definition)
  return new BytePairTokenizer(definition, vocabulary, decoder, encoding)
}

/** Imported on demand, since few tokenizers need it. */
async function inOwnProcess(definition: TokenizerDefinition): Promise<Encoding> {
  const { TokenizerProcess } = await import('./tokenizer/tokenizer-process.js')
  return new TokenizerProcess(definition)
}

function onThisThread(encoder: Encoder): Encoding {
  return {
    isQuick: true,
    atOnce: (text, options) => atOnce(encoder.encode(text, options)),
    inTurns: (text, most, options) => {
      return inTurns(encoder.encodeUpTo(text, most, options), text.length, options?.signal)
    },
  }
}

// A byte-order mark at the beginning is part of the text.
const FROM_UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const BLANK = 0x20
/** Tokens decoded between two pauses. */
const TOKENS_A_STEP = 1024

class BytePairTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly specialIds: ReadonlySet<number>
  private readonly addedTokens: ReadonlyMap<number, AddedToken>
  private readonly addedIds: ReadonlyMap<string, number>
  private literals?: LiteralText

  constructor(
    { addedTokens }: TokenizerDefinition,
    private readonly vocabulary: Vocabulary,
    private readonly decoder: Decoder,
    private readonly encoding: Encoding,
  ) {
    checkAddedTokens(vocabulary, addedTokens)
    this.vocabSize = addedTokens.reduce((size, { id }) => Math.max(size, id + 1), vocabulary.size)
    this.addedTokens = new Map(addedTokens.map((token) => [token.id, token]))
    this.addedIds = new Map(addedTokens.map(({ content, id }) => [content, id]))
    this.specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id))
  }

  get isQuick(): boolean {
    return this.encoding.isQuick
  }

  encode(text: string, options?: EncodeOptions): number[] {
    checkText(text)
    return this.encoding.atOnce(text, options)
  }

  async encodeAsync(text: string, options?: EncodeAsyncOptions): Promise<number[]> {
    return (await this.encodeUpTo(text, Number.POSITIVE_INFINITY, options)) as number[]
  }

  async encodeUpTo(text: string, most: number, options?: EncodeAsyncOptions): Promise<number[] | undefined> {
    checkText(text)
    return this.encoding.inTurns(text, most, options)
  }

  literal(text: string, kept?: ReadonlySet<string>): string {
    this.literals ??= new LiteralText([...this.addedTokens.values()].filter(({ reserved }) => reserved))
    return this.literals.write(text, kept)
  }

  decode(ids: Iterable<number>, options?: DecodeOptions): string {
    return atOnce(this.decoding(ids, options))
  }

  async decodeAsync(ids: ArrayLike<number>, options: DecodeOptions & { signal?: AbortSignal } = {}): Promise<string> {
    return inTurns(this.decoding(Array.from(ids), options), ids.length, options.signal)
  }

  private *decoding(ids: Iterable<number>, { skipSpecial = false }: DecodeOptions = {}): Generator<void, string> {
    const parts: Uint8Array[] = []
    let read = 0
    for (const id of ids) {
      const isSkipped = this.token(checkedId(id)) === '' || (skipSpecial && this.specialIds.has(id))
      if (!isSkipped) parts.push(this.bytesAt(id, parts.length === 0))
      if (++read % TOKENS_A_STEP === 0) yield
    }
    const bytes = joined(parts)
    const hasBlank = this.decoder.stripsFirstBlank && bytes[0] === BLANK
    return FROM_UTF8.decode(hasBlank ? bytes.subarray(1) : bytes)
  }

  bytesOf(id: number, options?: DecodeOptions): Uint8Array {
    return options?.skipSpecial && this.specialIds.has(id) ? new Uint8Array(0) : this.bytesAt(id, false)
  }

  /** Bytes of a token. `isFirst`: at the beginning of a text. */
  private bytesAt(id: number, isFirst: boolean): Uint8Array {
    const added = this.addedTokens.get(id)
    return added ? this.decoder.bytesOfAdded(added, isFirst) : this.decoder.bytesOf(this.token(id), isFirst)
  }

  /** Short form for console.log. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `[Tokenizer of ${this.vocabSize} tokens]`
  }

  token(id: number): string {
    return this.addedTokens.get(id)?.content ?? this.vocabulary.token(id) ?? ''
  }

  idOf(token: string): number | undefined {
    return this.addedIds.get(token) ?? this.vocabulary.idOf(token)
  }
}

function checkText(text: unknown): void {
  if (typeof text !== 'string') throw new UsageError(`only a text can be encoded, not ${shown(text)}`)
}

function checkedId(id: unknown): number {
  if (typeof id === 'number' && Number.isInteger(id)) return id
  throw new UsageError(`token ${shown(id)} is not a whole number`)
}
