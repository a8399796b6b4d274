import type { CachedLayer } from './layer-cache.js'

/** Running states of all layers after `position` tokens. */
interface Slot {
  /** Negative if the slot is free. */
  position: number
  /** Address of each layer's state in its bank; 0 for layers without one. */
  addresses: number[]
}

/**
 * Running states of a sequence. A micro-batch reads the states from one slot and writes those after its tokens to
 * another, so that a failure loses nothing. The slot that a request began with stays until the request ends. Only a step
 * of an answer overwrites large states, which saves a third of their memory traffic.
 */
export class RunningStates {
  /** Floats of all layers together. */
  readonly floats: number
  /** Larger states have one slot between requests, and steps overwrite it. Texts of others can be cut back to more slots. */
  mostIdleBytes = 16 * 2 ** 20
  private readonly slots: Slot[] = []
  private current: Slot
  private next?: Slot
  private held?: Slot
  /** Whether the request under way overwrites the present states. */
  private isStep = false

  /** Throws MemoryFull if there is no room. */
  constructor(private readonly layers: readonly CachedLayer[]) {
    this.floats = layers.reduce((sum, { state = 0 }) => sum + state, 0)
    this.current = this.allocate()
    this.clear()
  }

  get bytes(): number {
    return this.slots.length * this.floats * 4
  }

  private get areLarge(): boolean {
    return 4 * this.floats > this.mostIdleBytes
  }

  /** Whether a micro-batch has begun to overwrite the present states and has not ended. */
  get areTorn(): boolean {
    return this.current.position < 0
  }

  /** Positions below `length` whose states are still in a slot. */
  positionsTo(length: number): number[] {
    return this.slots.map(({ position }) => position).filter((position) => position >= 0 && position <= length)
  }

  /** Address of a layer's state before the next micro-batch. */
  address(layer: number): number {
    return this.current.addresses[layer]
  }

  /** Address for a layer's state after the micro-batch, which may begin to write there; `prepare` must have run. */
  nextAddress(layer: number): number {
    if (this.next) this.next.position = -1
    return (this.next ?? this.current).addresses[layer]
  }

  /** Index of a layer's first float among the floats of all layers. */
  offset(layer: number): number {
    return this.layers.slice(0, layer).reduce((sum, { state = 0 }) => sum + state, 0)
  }

  /** Provides a slot for the states after a micro-batch. Throws MemoryFull if there is no room. */
  prepare(): void {
    if (this.isStep) {
      this.next = this.current
      return
    }
    const free = this.slots.filter((slot) => slot !== this.current && slot !== this.held)
    this.next = free.find(({ position }) => position < 0) ?? free[0] ?? this.allocate()
    this.next.position = -1
  }

  /** Completes a micro-batch, after which the sequence has `position` tokens. */
  advance(position: number): void {
    if (!this.next) throw new Error('no slot for the states after this micro-batch')
    this.current = this.next
    this.current.position = position
    this.next = undefined
  }

  /** Keeps the present states until `letGo` or `rollback`, unless a step may overwrite them. */
  hold(isStep: boolean): void {
    this.isStep = isStep && this.areLarge
    this.held = this.isStep ? undefined : this.current
  }

  letGo(): void {
    this.held = undefined
    this.isStep = false
    if (!this.areLarge) return
    for (const slot of this.slots) if (slot !== this.current) this.free(slot)
    this.slots.splice(0, this.slots.length, this.current)
  }

  /** Returns to the states at the request's beginning. A step may have torn them. */
  rollback(): void {
    if (this.held) this.current = this.held
    this.held = undefined
    this.isStep = false
    if (!this.areTorn) this.forgetAfter(this.current.position)
  }

  /** Returns to the states at a position, from a slot or else from `saved`; position 0 needs neither. */
  restore(position: number, saved?: Float32Array): void {
    const slot = this.slots.find((slot) => slot.position === position)
    if (slot) this.current = slot
    else if (saved) this.write(saved, position)
    else this.clear()
    this.forgetAfter(position)
  }

  /** Replaces the latest micro-batch by steps of one token, with the states after each. Only between requests. */
  replaceLatest(steps: readonly { position: number; state: Float32Array }[]): void {
    for (const [i, { position, state }] of steps.entries()) {
      if (i > 0) {
        this.prepare()
        this.advance(position)
      }
      this.write(state, position)
    }
  }

  read(): Float32Array {
    const floats = new Float32Array(this.floats)
    this.eachLayer((bank, address, from, size) => floats.set(bank.subarray(address / 4, address / 4 + size), from))
    return floats
  }

  release(): void {
    for (const slot of this.slots) this.free(slot)
    this.slots.length = 0
  }

  /** Sets the present states, in a slot that is not held. */
  private write(floats: Float32Array, position: number): void {
    this.replaceHeld()
    this.eachLayer((bank, address, from, size) => bank.set(floats.subarray(from, from + size), address / 4))
    this.current.position = position
  }

  /** Sets the states of an empty sequence. */
  private clear(): void {
    this.replaceHeld()
    this.eachLayer((bank, address, _, size) => bank.fill(0, address / 4, address / 4 + size))
    this.current.position = 0
  }

  private replaceHeld(): void {
    if (this.current !== this.held) return
    this.prepare()
    this.current = this.next ?? this.current
    this.next = undefined
  }

  private forgetAfter(position: number): void {
    for (const slot of this.slots) if (slot.position > position && slot !== this.held) slot.position = -1
  }

  private eachLayer(use: (bank: Float32Array, address: number, from: number, size: number) => void): void {
    let from = 0
    for (const [layer, { bank, state = 0 }] of this.layers.entries()) {
      if (state > 0) use(bank.f32, this.current.addresses[layer], from, state)
      from += state
    }
  }

  private allocate(): Slot {
    const slot: Slot = { position: -1, addresses: this.layers.map(() => 0) }
    try {
      for (const [layer, { bank, state = 0 }] of this.layers.entries()) {
        if (state > 0) slot.addresses[layer] = bank.arena.allocate(state * 4)
      }
    } catch (error) {
      this.free(slot)
      throw error
    }
    this.slots.push(slot)
    return slot
  }

  private free({ addresses }: Slot): void {
    for (const [layer, { bank, state = 0 }] of this.layers.entries()) {
      if (addresses[layer] > 0) bank.arena.release(addresses[layer], state * 4)
    }
  }
}
