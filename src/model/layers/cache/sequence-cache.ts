import { NoRoom } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { PAGE_ROWS } from '../../../kernels/abi/formats.js'
import { MemoryFull } from '../../../kernels/memory/arena.js'
import { roundUp } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import { AllRows } from './all-rows.js'
import { CacheTensors, type LayerRows } from './cache-tensors.js'
import { type Checkpoint, Checkpoints, mostCheckpoints } from './checkpoints.js'
import { DraftedPositions } from './drafted-positions.js'
import { type CachedLayer, SLACK } from './layer-cache.js'
import type { Span } from './page-table.js'
import { RunningStates } from './running-states.js'
import { checkPositions, type SavedPositions, savedSpans } from './saved-positions.js'

/** Most bytes of running states that a micro-batch keeps for its drafts. */
const MOST_DRAFT_BYTES = 16 * 2 ** 20

/** A checkpoint within a micro-batch. */
export interface Mark {
  /** Number of the micro-batch's tokens before it. */
  after: number
  /** Receives the layer's state. */
  state: Float32Array
}

/**
 * Everything that the layers keep of one sequence. A layer has the keys and values of all positions, or of a window of
 * them, or a running state, or nothing.
 *
 * Keys and values can be cut off at the end without computing anything again. A running state cannot, and a window has
 * dropped the keys before it: there, the sequence is cut back to a checkpoint, and the tokens after that must be read
 * again. A model that does not tell positions apart can also drop rows at the beginning. Drafts can always be taken
 * back: until then, windows keep what the positions before them see, and the running states are kept for each draft.
 *
 * A fork shares the full pages. Each cache copies a shared page before it writes to it.
 */
export class SequenceCache {
  /** Keys and values of all layers. */
  readonly rows: AllRows
  readonly states?: RunningStates
  readonly checkpoints: Checkpoints
  /** Checkpoints that the micro-batch under way will make. */
  private pending: Checkpoint[] = []
  /** Drafts of the micro-batch under way, and drafts that may still be taken back. */
  private nextDrafts?: DraftedPositions
  private drafts?: DraftedPositions
  private end = 0
  private start = 0
  /** End of the positions that every layer has room for. */
  private reserved = 0
  /** Positions before the request under way. */
  private held?: Span

  constructor(private readonly layers: CachedLayer[]) {
    let rows: AllRows | undefined
    try {
      rows = new AllRows(layers)
      this.rows = rows
      if (layers.some(({ state }) => state)) this.states = new RunningStates(layers)
    } catch (error) {
      rows?.release()
      throw error instanceof MemoryFull ? noRoom('another session', { held: 0, more: 0 }) : error
    }
    this.checkpoints = new Checkpoints(mostCheckpoints(layers))
  }

  /** Positions so far, including dropped ones: the position of the next token. */
  get length(): number {
    return this.end
  }

  /** First position that is still held. */
  get oldest(): number {
    return this.start
  }

  /** Bytes of its part of all pages, and of states and checkpoints. */
  get bytes(): number {
    return this.rows.bytes + (this.states?.bytes ?? 0) + this.checkpoints.bytes
  }

  /** Whether it can be cut back only to checkpoints. */
  get needsCheckpoints(): boolean {
    return this.rows.windows.length > 0 || this.states !== undefined
  }

  /** Whether a step has begun to overwrite running states and has not ended. If it failed, only `rollback` is possible. */
  get isTorn(): boolean {
    return this.states?.areTorn ?? false
  }

  /** Most drafts of a micro-batch: the states after each need memory. */
  get mostDrafts(): number {
    return this.states ? Math.floor(MOST_DRAFT_BYTES / (4 * this.states.floats)) : Number.POSITIVE_INFINITY
  }

  /**
   * Makes room for `tokens` more positions in every layer; in windows, for the `atOnce` positions of a micro-batch.
   * Throws NoRoom, and allocates nothing, if there is not enough memory.
   */
  reserve(tokens: number, atOnce = tokens): void {
    const spansOf = ({ window }: LayerRows): Span[] => {
      if (!window) return [{ start: this.start, end: this.end + tokens }]
      return [{ start: this.windowStart(window + SLACK, this.end), end: this.end + Math.min(tokens, atOnce) }]
    }
    const refusal = () => noRoom(`${tokens} more tokens`, { held: this.end - this.start, more: tokens })
    try {
      this.states?.prepare()
      if (this.end + tokens <= this.reserved) return
      if (!this.rows.hasRoom(spansOf, this.end)) throw refusal()
      for (const layer of this.rows.list) {
        layer.rows.pages.reserve(spansOf(layer))
        layer.rows.pages.own(this.end)
      }
      // Pages are whole.
      this.reserved = roundUp(this.end + Math.min(tokens, atOnce), PAGE_ROWS)
    } catch (error) {
      this.trim()
      throw error instanceof MemoryFull ? refusal() : error
    }
  }

  /**
   * Begins a request that may fail: until `commit`, `rollback` restores the positions that are held now. But a step of an
   * answer overwrites large running states: if it has torn them, `rollback` cuts the sequence back to a checkpoint.
   */
  begin(isStep = false): void {
    this.held = { start: this.start, end: this.end }
    this.states?.hold(isStep)
  }

  /** Completes the request: frees the positions that it forgot. */
  commit(): void {
    const { held } = this
    this.held = undefined
    this.states?.letGo()
    if (held && (held.start < this.start || this.rows.windows.length > 0)) this.trim()
  }

  /** Undoes the request: restores the positions that it found. */
  rollback(): void {
    if (!this.held) return
    this.start = this.held.start
    this.end = this.held.end
    this.held = undefined
    this.drafts = undefined
    this.states?.rollback()
    if (this.isTorn) this.cutBack(this.lastBefore(this.end))
    this.checkpoints.dropAfter(this.end)
    this.trim()
  }

  /**
   * Asks for checkpoints at these positions, if the next micro-batch of `tokens` tokens reaches them. The last `drafts`
   * of the tokens may be taken back.
   */
  mark(positions: readonly number[], tokens: number, drafts = 0): void {
    this.pending = []
    const [given, end] = [this.end + tokens - drafts, this.end + tokens]
    const marks = this.needsCheckpoints ? positions.filter((position) => position > given && position <= end) : []
    this.nextDrafts = drafts > 0 ? new DraftedPositions(given, drafts, marks, this.states?.floats ?? 0) : undefined
    if (!this.needsCheckpoints) return
    const reached = positions.filter((position) => position > this.end && position <= given)
    for (const position of this.checkpoints.worthy(reached)) {
      const state = new Float32Array(this.states?.floats ?? 0)
      this.pending.push({ position, state, inPrompt: tokens - drafts > 1 })
    }
  }

  /**
   * Stores the rows [first, first + tokens) of a layer after the positions so far; they count once `advance` is called,
   * after the last layer. If K = V, `values` is not read.
   */
  append(layer: number, first: number, tokens: number, keys: Rows, values: Rows): void {
    this.rows.store(layer, this.end, first, tokens, keys, values)
  }

  /** Addresses of a layer's running state before and after the micro-batch. */
  stateOf(layer: number): { before: number; after: number } {
    if (!this.states) throw new RangeError(`layer ${layer} has no running state`)
    return { before: this.states.address(layer), after: this.states.nextAddress(layer) }
  }

  /** Checkpoints within the micro-batch that want a layer's state. */
  marksOf(layer: number): Mark[] {
    const { states, pending, nextDrafts } = this
    if (!states || (pending.length === 0 && !nextDrafts)) return []
    const wanted = [...pending, ...(nextDrafts?.kept ?? [])]
    const from = states.offset(layer)
    const to = from + (this.layers[layer].state ?? 0)
    return wanted.map(({ position, state }) => ({ after: position - this.end, state: state.subarray(from, to) }))
  }

  /** Completes a micro-batch: its tokens count from now on. Windows drop the positions that no token sees any more. */
  advance(tokens: number): void {
    this.end += tokens
    this.states?.advance(this.end)
    for (const checkpoint of this.pending) this.checkpoints.add(checkpoint)
    this.pending = []
    this.drafts = this.nextDrafts
    this.nextDrafts = undefined
    if (tokens === 1 && this.end % SLACK > 0) return
    for (const layer of this.rows.windows) layer.rows.pages.keep(this.keptSpans(layer))
  }

  /**
   * Keeps at most the positions below `length`: all of them, or those up to the last checkpoint before. If they have
   * been forgotten, the cache is empty afterwards.
   */
  truncate(length: number): void {
    if (length < this.end) this.cutBack(this.lastBefore(length))
    this.trim()
  }

  /**
   * Takes back the last `tokens` drafts of the latest micro-batch. The others stay, and leave the cache as if they had
   * run one by one. Without drafts it does nothing.
   */
  takeBack(tokens: number): void {
    const { drafts, states, checkpoints } = this
    if (!drafts) return
    this.drafts = undefined
    this.end -= tokens
    states?.replaceLatest(drafts.kept.slice(0, 1 + drafts.count - tokens))
    for (const position of drafts.marks) {
      if (position <= this.end) checkpoints.add({ position, state: drafts.stateAt(position).slice() })
    }
    if (this.rows.windows.length > 0) this.trim()
  }

  forget(oldest: number): void {
    this.start = Math.min(Math.max(oldest, this.start), this.end)
    this.trim()
  }

  /** Everything that it holds, as tensors to read. */
  get contents(): CacheTensors {
    return new CacheTensors(this, { start: this.start, end: this.end, checkpoints: this.checkpoints.positions })
  }

  /**
   * Makes room in an empty cache for the contents of another one of the same shape. They count once all their tensors
   * have been written and `complete` is called. Throws a UserError if there is no room, or the positions make no sense.
   */
  prepareFor(saved: SavedPositions): CacheTensors {
    checkPositions(saved, this.needsCheckpoints)
    const spansOf = ({ window }: LayerRows) => savedSpans(window, saved)
    try {
      if (!this.rows.hasRoom(spansOf, 0)) throw new MemoryFull('no room')
      for (const layer of this.rows.list) layer.rows.pages.reserve(spansOf(layer))
    } catch (error) {
      this.trim()
      const tokens = saved.end - saved.start
      throw error instanceof MemoryFull ? noRoom(`${tokens} more tokens`, { held: 0, more: tokens }) : error
    }
    return new CacheTensors(this, saved)
  }

  /** Completes an import: the contents count from now on. */
  complete(contents: CacheTensors): void {
    this.start = contents.saved.start
    this.end = contents.saved.end
    for (const checkpoint of contents.restoreStates()) this.checkpoints.add(checkpoint)
  }

  /**
   * A cache with the positions below `length`, or those up to the last checkpoint before. It shares all full pages with
   * this one. Throws NoRoom if there is no memory for the rest.
   */
  fork(length: number): SequenceCache {
    const fork = new SequenceCache(this.layers)
    try {
      fork.rows.share(this.rows)
      fork.start = this.start
      fork.end = this.end
      for (const checkpoint of this.checkpoints.all) fork.checkpoints.add(checkpoint)
      if (this.states) fork.states?.restore(this.end, this.states.read())
      fork.truncate(length)
      // Now, so that no later step of this sequence has to copy a page.
      fork.rows.own(fork.end)
      return fork
    } catch (error) {
      fork.release()
      throw error instanceof MemoryFull ? noRoom('another session', { held: 0, more: 0 }) : error
    }
  }

  release(): void {
    this.rows.release()
    this.states?.release()
  }

  /** The largest position, at most `length`, that the sequence can be cut back to. */
  private lastBefore(length: number): number {
    if (!this.needsCheckpoints) return length
    const known = [...this.checkpoints.positions, ...(this.states?.positionsTo(length) ?? [length])]
    const possible = known.filter((position) => position <= length && this.canCutTo(position))
    return possible.reduce((most, position) => Math.max(most, position), 0)
  }

  private canCutTo(position: number): boolean {
    return this.rows.windows.every(({ rows, window = 0 }) => {
      return rows.pages.holds({ start: this.windowStart(window - 1, position), end: position })
    })
  }

  private cutBack(length: number): void {
    this.end = length
    this.start = Math.min(this.start, length)
    this.states?.restore(length, this.checkpoints.at(length)?.state)
    this.checkpoints.dropAfter(length)
  }

  /** First position of the last `size` ones before `end`. */
  private windowStart(size: number, end: number): number {
    return Math.max(this.start, end - size)
  }

  /** Positions whose rows must stay, for the sequence, for the request's beginning, and for checkpoints. */
  private keptSpans({ window }: LayerRows): Span[] {
    const spans = [{ start: this.start, end: Math.max(this.end, this.reserved) }, ...(this.held ? [this.held] : [])]
    if (!window) return spans
    const ends = [this.end - (this.drafts?.count ?? 0), ...(this.held ? [this.held.end] : [])]
    const recent = spans.map(({ start, end }, i) => ({ start: Math.max(start, ends[i] - window - SLACK), end }))
    const seen = this.checkpoints.positions.map((end) => ({ start: this.windowStart(window - 1, end), end }))
    return [...seen, ...recent]
  }

  private trim(): void {
    this.reserved = 0
    for (const layer of this.rows.list) layer.rows.pages.keep(this.keptSpans(layer))
  }
}

/** Error of a request that the banks have no memory for. `tokens` are its session's. */
function noRoom(what: string, tokens: NoRoom['tokens']): NoRoom {
  return new NoRoom(
    phrase`no room for ${what}: all sessions together have what is left of 4 GiB, the size of a WebAssembly memory; remember fewer tokens with ${option('context')}, or dispose of other sessions`,
    tokens,
  )
}
