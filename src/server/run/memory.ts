import { ApiError } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'

/** Memory of the process, in bytes. */
export interface ProcessMemory {
  /** Bytes that the process can still take. */
  available(): number
  /** Bytes that the process takes now. */
  used(): number
}

/** Memory of a model: bytes of weights and caches, and of weights that are yet to be read and then stay. */
export interface ModelMemory {
  held: number
  toCome: number
}

export type MemoryLimits = Pick<Limits, 'bodyBytes' | 'bodiesBytes' | 'answerBytes' | 'answersBytes'>
export type Purpose = keyof typeof SHARES

const MIB = 2 ** 20

/**
 * Shares of the memory that is free at the start, for all holdings of a purpose together; one alone may have all of it. The
 * limits are upper bounds. Caches get the memory that is free at any time, except for a margin, which has the shares
 * `copies` times.
 */
const SHARES = {
  // A body is a buffer, then a text, then the values in it; some of these wait for the garbage collector.
  bodies: { part: 1 / 16, copies: 2, one: 'bodyBytes', all: 'bodiesBytes', uncounted: 1 / 1024 },
  answers: { part: 1 / 8, copies: 1, one: 'answerBytes', all: 'answersBytes', uncounted: 1 / 128 },
} as const

const LEAST_SHARE = MIB
const LEAST_MARGIN = 32 * MIB
/** Part of the margin for buffers of connections, and garbage; with little memory an eighth of it. */
const BUSY_BYTES = 32 * MIB
/** Bytes left free in any case, however much requests have taken. */
const ALWAYS_FREE = 16 * MIB

/** The memory of a server: gives it to bodies, answers and caches. */
export class Memory {
  /** Lower than at first if little memory is free. */
  limits: MemoryLimits
  private readonly taken = { bodies: 0, answers: 0 }
  /** Bytes that caches leave free, and bytes that the process took in addition to models, when the last model was loaded. */
  private start?: { margin: number; others: number }

  /** Without `process` only the limits are bounds. `models` has the memory of each model. */
  constructor(
    private readonly most: MemoryLimits,
    private readonly process?: ProcessMemory,
    private readonly models: () => readonly ModelMemory[] = () => [],
  ) {
    this.limits = most
  }

  /** Divides the memory that is free now. Called when a model has been loaded. */
  divide(): void {
    const { process } = this
    if (!process) return
    const free = process.available() - this.sum('toCome')
    this.limits = { ...this.most }
    let margin = Math.min(BUSY_BYTES, free / 8)
    for (const { part, copies, one, all } of Object.values(SHARES)) {
      this.limits[all] = Math.min(this.most[all], Math.max(LEAST_SHARE, Math.floor(free * part)))
      this.limits[one] = Math.min(this.most[one], this.limits[all])
      margin += copies * this.limits[all]
    }
    this.start = { margin: Math.max(LEAST_MARGIN, margin), others: process.used() - this.sum('held') }
  }

  /** Bytes that caches may take in addition to what they have. */
  get forCaches(): number {
    const { process, start } = this
    if (!process || !start) return Number.POSITIVE_INFINITY
    const busy = process.used() - this.sum('held') - start.others
    return process.available() - this.sum('toCome') - Math.max(ALWAYS_FREE, start.margin - Math.max(0, busy))
  }

  /** An empty holding. */
  hold(purpose: Purpose): Holding {
    const { all, uncounted } = SHARES[purpose]
    let isCounted = false
    let held = 0
    return {
      set: (bytes) => {
        isCounted ||= bytes > uncounted * this.limits[all]
        if (!isCounted) return false
        this.taken[purpose] += bytes - held
        held = bytes
        return true
      },
    }
  }

  /** Whether the holdings of a purpose have more than their share. */
  isOver(purpose: Purpose): boolean {
    return this.taken[purpose] > this.limits[SHARES[purpose].all]
  }

  /** Takes memory for an answer, until it is set to 0. Throws an ApiError (429) if too much is taken. */
  forAnswer(bytes: number): Holding {
    const holding = this.hold('answers')
    holding.set(bytes)
    if (!this.isOver('answers')) return holding
    holding.set(0)
    const message = 'too many large answers are in progress; try again later, or ask for less'
    throw new ApiError(429, message, { code: 'answers_too_large', retryAfter: 10 })
  }

  private sum(kind: keyof ModelMemory): number {
    return this.models().reduce((total, one) => total + one[kind], 0)
  }
}

/** Memory that one body or answer has. */
export interface Holding {
  /** Sets its bytes. Returns false if it is so small that it has never been counted. */
  set(bytes: number): boolean
}
