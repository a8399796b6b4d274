/*
 * Which experts are in memory, as the threads that read experts tell each other: an Int32Array over shared memory, one
 * word an expert. Whoever turns ABSENT or WANTED into READING reads the expert; the others wait for it.
 */
const ABSENT = 0
const WANTED = 1
const READING = 2
const HELD = 3

/** Words of the bell that is rung when several experts of a mixture are wanted. */
export enum Bell {
  /** How often it has been rung. */
  rings,
  /** The mixture: 2 * layer, + 1 for MLP. */
  mixture,
  /** 1 where most of the mixture's experts are in use, as a long prompt has it: then most of the next ones will be. */
  wantsMost,
}
export const BELL_WORDS = 3

/** A table of `experts` experts, none of them held. */
export function noneHeld(experts: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(experts * 4))
}

export function isHeld(table: Int32Array, id: number): boolean {
  return Atomics.load(table, id) === HELD
}

/** Asks for an expert that is neither held nor being read. */
export function want(table: Int32Array, id: number): void {
  Atomics.compareExchange(table, id, ABSENT, WANTED)
}

/** Takes on the reading of an expert that someone waits for. */
export function claimWanted(table: Int32Array, id: number): boolean {
  return Atomics.compareExchange(table, id, WANTED, READING) === WANTED
}

/** Takes on the reading of an expert; false where it is held already, or another thread reads it. */
export function claim(table: Int32Array, id: number): boolean {
  return Atomics.compareExchange(table, id, ABSENT, READING) === ABSENT || claimWanted(table, id)
}

/** Its bytes are there. */
export function markHeld(table: Int32Array, id: number): void {
  Atomics.store(table, id, HELD)
  Atomics.notify(table, id)
}

/** Its place was given to another expert, or it could not be read. */
export function markAbsent(table: Int32Array, id: number): void {
  Atomics.store(table, id, ABSENT)
  Atomics.notify(table, id)
}

/** Waits while another thread reads an expert. */
export function awaitReading(table: Int32Array, id: number): void {
  while (Atomics.load(table, id) === READING) Atomics.wait(table, id, READING)
}

export function countHeld(table: Int32Array): number {
  let held = 0
  for (let id = 0; id < table.length; id++) if (isHeld(table, id)) held++
  return held
}
