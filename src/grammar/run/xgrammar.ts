import { UserError } from '../../errors.js'
import { asciiOf } from '../forms/bytes-as-ascii.js'
import type { Vocabulary } from './vocabulary.js'

/*
 * XGrammar's WebAssembly build: a script for browsers, which takes its own address from the global `location` and puts
 * itself on the global `xgrammar`. It runs in a thread whose globals nothing else uses (thread.ts).
 */

/** The parts of @mlc-ai/web-xgrammar that are used here. */
interface Package {
  Grammar: { fromEBNF(text: string): Promise<Disposable> }
  TokenizerInfo: {
    createTokenizerInfo(
      tokens: string[],
      kind: string,
      blank: boolean,
      size: number,
      stop: number[],
    ): Promise<Disposable>
  }
  GrammarCompiler: {
    createGrammarCompiler(
      info: Disposable,
      isCaching: boolean,
    ): Promise<{ compileGrammar(grammar: Disposable): Promise<Disposable> }>
  }
  GrammarMatcher: { createGrammarMatcher(grammar: Disposable, stop: number[]): Promise<PackageMatcher> }
}

interface Disposable {
  dispose(): void
}

interface PackageMatcher extends Disposable {
  handle: { AcceptString(text: string, isVerbose: boolean): boolean }
  acceptToken(id: number): boolean
  getNextTokenBitmask(): Promise<Int32Array>
  rollBack(tokens: number): void
}

/** A grammar that is ready for the vocabulary. */
export type Compiled = Disposable

/** Bits of the tokens that may follow, and whether the text may end. */
export interface Allowed {
  mask: Int32Array
  isComplete: boolean
}

/** A place in a text of a grammar. */
export interface Matcher {
  allowed(): Promise<Allowed>
  /** Moves over a token; false, and no move, if the grammar does not allow it. */
  accept(id: number): boolean
  /** Moves over a part of a token. */
  acceptBytes(bytes: Uint8Array): boolean
  dispose(): void
}

/** A text that no grammar accepts. */
const NO_TEXT = '\x0e'
/** Lines that XGrammar printed since the last call of it. */
const printed: string[] = []
/** Most bytes of XGrammar's memory. */
const MOST_BYTES = 512 * 2 ** 20

/** XGrammar with a vocabulary. */
export class XGrammar {
  private constructor(
    private readonly library: Package,
    private readonly compiler: { compileGrammar(grammar: Disposable): Promise<Disposable> },
    /** Id after all others: the end of the text. */
    private readonly end: number,
  ) {}

  /** Imports the package and prepares the vocabulary. Rejects with a UserError if the package is not installed. */
  static async load(vocabulary: Vocabulary): Promise<XGrammar> {
    const library = await importPackage()
    const end = vocabulary.size
    const tokens = Array.from({ length: end }, (_, id) => vocabulary.ascii(id))
    const info = await library.TokenizerInfo.createTokenizerInfo([...tokens, ''], 'raw', false, end + 1, [end])
    return new XGrammar(library, await library.GrammarCompiler.createGrammarCompiler(info, false), end)
  }

  /** Compiles EBNF from its rule `root`. */
  async compile(ebnf: string): Promise<Compiled> {
    printed.length = 0
    try {
      const grammar = await this.library.Grammar.fromEBNF(ebnf)
      const compiled = await this.compiler.compileGrammar(grammar)
      grammar.dispose()
      return compiled
    } catch (error) {
      throw new GrammarAborted(reasonOf(error))
    }
  }

  async matcher(grammar: Compiled): Promise<Matcher> {
    const matcher = await this.library.GrammarMatcher.createGrammarMatcher(grammar, [this.end])
    const { end } = this
    return {
      async allowed() {
        const mask = await matcher.getNextTokenBitmask()
        const [word, bit] = [end >> 5, 1 << (end & 31)]
        const isComplete = (mask[word] & bit) !== 0
        mask[word] &= ~bit
        return { mask, isComplete }
      },
      accept: (id) => matcher.acceptToken(id),
      acceptBytes: (bytes) => matcher.handle.AcceptString(asciiOf(bytes) ?? NO_TEXT, false),
      dispose: () => matcher.dispose(),
    }
  }
}

/** XGrammar has aborted. Its state is no longer sound. */
export class GrammarAborted extends UserError {}

/** The reason that XGrammar printed, without the place in its source. */
function reasonOf(error: unknown): string {
  const fatal = printed.find((line) => line.includes('FATAL'))
  const reason = fatal?.replace(/^.*?\[FATAL\]\s*\S+:\d+:\s*/s, '')
  return reason ?? (error instanceof Error ? error.message.replace(/ Build with.*$/, '') : String(error))
}

let importing: Promise<Package> | undefined

function importPackage(): Promise<Package> {
  importing ??= importOnce()
  return importing
}

async function importOnce(): Promise<Package> {
  const globals = globalThis as { location?: { href: string }; xgrammar?: Package }
  for (const method of ['error', 'warn', 'log'] as const) console[method] = (...line: unknown[]) => print(line)
  limitMemory()
  const url = addressOf('@mlc-ai/web-xgrammar')
  globals.location = { href: url }
  await import(url)
  if (!globals.xgrammar) throw new Error('@mlc-ai/web-xgrammar is not the version that molm needs')
  return globals.xgrammar
}

function addressOf(name: string): string {
  try {
    return import.meta.resolve(name)
  } catch {
    throw new UserError(
      `schemas and grammars need the package ${name}, which is not installed; \`npm i molm\` without --omit=optional installs it`,
    )
  }
}

function print(line: unknown[]): void {
  if (printed.length < 100) printed.push(line.join(' ').slice(0, 1000))
}

/** Lets no WebAssembly memory of this thread grow beyond MOST_BYTES; XGrammar then aborts. */
function limitMemory(): void {
  const { grow } = WebAssembly.Memory.prototype
  WebAssembly.Memory.prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * 2 ** 16 > MOST_BYTES) throw new RangeError('the grammar needs too much memory')
    return grow.call(this, pages)
  }
}
