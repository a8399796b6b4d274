import { nextTurn, openMailbox, threadData } from '../../ground/platform/threads.js'
import { GuideWriter } from './guide-ends.js'
import { MOST_FORCED } from './guide-memory.js'
import type {
  EncodedPhase,
  FollowReply,
  FollowRequest,
  FollowThreadData,
  GuideText,
  PreparedGrammar,
} from './protocol.js'
import { grammarIn } from './run/byte-grammar.js'
import { Literals } from './run/literals.js'
import { CompiledGrammar } from './run/matcher.js'
import { Route } from './run/route.js'
import type { Phase } from './run/stage.js'
import { Vocabulary } from './run/vocabulary.js'
import { failureOf, MarkedWork, type Marks } from './watched-thread.js'

/*
 * A thread that follows guides: answers the engine's tokens with the limits of the next.
 */

/** Milliseconds of computing without a turn of the event loop. The thread reads its messages between turns. */
const TURN_MS = 2
/** Most grammars that a thread keeps, with the masks that it has found. */
const MOST_GRAMMARS = 32

/** Makes the phases of guides, which share grammars and literals. */
class PreparedPhases {
  /** By their numbers, the one used last at the end. */
  private readonly compiled = new Map<number, CompiledGrammar>()
  private readonly literals = new Map<string, Literals>()

  constructor(private readonly vocabulary: Vocabulary) {}

  phases(encoded: readonly EncodedPhase[], grammars: readonly PreparedGrammar[]): Phase[] {
    const compiled = grammars.map((grammar) => this.compile(grammar))
    return encoded.map((phase) => this.phase(phase, compiled))
  }

  private phase(phase: EncodedPhase, grammars: readonly CompiledGrammar[]): Phase {
    switch (phase.kind) {
      case 'forced':
        return phase
      case 'grammar':
        return { kind: 'grammar', grammar: grammars[phase.grammar] }
      case 'calls': {
        const triggers = this.literalsOf(phase.triggers.map(({ text }) => text))
        const called = phase.triggers.map(({ grammar }) => grammars[grammar])
        return { kind: 'calls', triggers, grammars: called, once: phase.once ?? false }
      }
      case 'free': {
        const { until, open, budget, close } = phase
        return {
          kind: 'free',
          until: until.length > 0 ? this.literalsOf(until) : undefined,
          open: open === undefined ? undefined : new TextEncoder().encode(open),
          budget,
          close,
        }
      }
    }
  }

  private compile({ number, words }: PreparedGrammar): CompiledGrammar {
    const compiled = this.compiled.get(number) ?? new CompiledGrammar(grammarIn(words), this.vocabulary)
    this.compiled.delete(number)
    this.compiled.set(number, compiled)
    const [oldest] = this.compiled.keys()
    if (this.compiled.size > MOST_GRAMMARS) this.compiled.delete(oldest)
    return compiled
  }

  private literalsOf(texts: readonly string[]): Literals {
    const key = JSON.stringify(texts)
    const literals = this.literals.get(key) ?? new Literals(texts, this.vocabulary)
    if (this.literals.size >= MOST_GRAMMARS) this.literals.clear()
    this.literals.set(key, literals)
    return literals
  }
}

const { vocabulary: data, marks } = threadData() as FollowThreadData
const vocabulary = new Vocabulary(data)
const prepared = new PreparedPhases(vocabulary)
const writers = new Map<number, GuideWriter>()
const mailbox = openMailbox<FollowRequest, FollowReply | Marks>()
const marked = new MarkedWork(marks, mailbox.post)
// Here its time counts as no guide's.
void vocabulary.tree

mailbox.listen((request) => {
  const { id } = request
  if (!request.leave) return void follow(request)
  writers.get(id)?.leave()
  writers.delete(id)
  mailbox.post({ id, hasLeft: true })
})

/** Guides that wait for a turn, by their places in line. */
const waiting = new Map<number, () => void>()
let places = 0
let begun = 0

/**
 * Guides compute in turns, first come, first served: a guide keeps its place in line while its text lasts. So texts that
 * continue here catch up before a newer guide, which may hang, computes at all.
 */
async function turn(place: number): Promise<void> {
  if (waiting.size === 0 && performance.now() - begun < TURN_MS) return
  await new Promise<void>((go) => {
    waiting.set(place, go)
    if (waiting.size === 1) nextTurn(giveTurn)
  })
}

function giveTurn(): void {
  const first = Math.min(...waiting.keys())
  const go = waiting.get(first)
  waiting.delete(first)
  begun = performance.now()
  go?.()
  if (waiting.size > 0) nextTurn(giveTurn)
}

/** Gives the engine the limits of each token of a text, until the text is complete or the guide is closed. */
async function follow({ id, phases, grammars, eos, memory }: { id: number } & GuideText): Promise<void> {
  const writer = new GuideWriter(memory)
  const place = ++places
  const work = async <T>(compute: () => T): Promise<T> => {
    await turn(place)
    return marked.run(id, compute)
  }
  writers.set(id, writer)
  try {
    const route = await work(() => Route.begin({ vocabulary, eos }, prepared.phases(JSON.parse(phases), grammars)))
    while (!writer.isClosed) {
      while (await work(() => !writer.isClosed && route.lookOn(MOST_FORCED)));
      const limits = await work(() => route.limits())
      if (writer.isClosed) return
      writer.answer(limits)
      if (writer.heard === 0) mailbox.post({ id })
      if (limits.kind === 'done') return
      const token = await writer.heardToken()
      if (writer.isClosed) return
      await work(() => {
        const taken = limits.kind === 'forced' ? limits.tokens.slice(0, MOST_FORCED) : [token as number]
        for (const one of taken) route.take(one)
      })
    }
  } catch (error) {
    const message = failureOf(error, 'the guide of the text failed')
    writer.answer({ kind: 'failed', message })
    mailbox.post({ id, error: message })
  } finally {
    if (writers.get(id) === writer) writers.delete(id)
  }
}
