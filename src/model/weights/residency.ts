import { sharedBuffer } from '../../ground/platform/threads.js'

/*
 * States of experts, shared by the threads that read them: an Int32Array over shared memory, one word for each expert.
 * The thread that turns ABSENT or WANTED into READING reads the expert; the others wait for it.
 */
const ABSENT = 0
const WANTED = 1
const READING = 2
const HELD = 3

/** Words of the bell that rings when several experts of a mixture are wanted. */
export enum Bell {
  /** Number of rings so far. */
  rings,
  /** Number of the mixture, in the order tokens meet them. */
  mixture,
  /** 1 if most of the mixture's experts are in use, as for a long prompt: then most of the next mixture's will be. */
  wantsMost,
}
export const BELL_WORDS = 3

/** Creates a table of `experts` experts, all absent. */
export function noneHeld(experts: number): Int32Array {
  return new Int32Array(sharedBuffer(experts * 4))
}

export function isHeld(table: Int32Array, id: number): boolean {
  return Atomics.load(table, id) === HELD
}

export function isAbsent(table: Int32Array, id: number): boolean {
  return Atomics.load(table, id) === ABSENT
}

/** Whether an expert is wanted, and no thread has claimed it yet. */
export function isWanted(table: Int32Array, id: number): boolean {
  return Atomics.load(table, id) === WANTED
}

/** Marks an expert as wanted, unless it is held or being read. */
export function want(table: Int32Array, id: number): void {
  Atomics.compareExchange(table, id, ABSENT, WANTED)
}

/** Claims a wanted expert for reading; false if it is not wanted or claimed already. */
export function claimWanted(table: Int32Array, id: number): boolean {
  return Atomics.compareExchange(table, id, WANTED, READING) === WANTED
}

/** Claims an expert for reading; false if it is held, or if another thread reads it. */
export function claim(table: Int32Array, id: number): boolean {
  return Atomics.compareExchange(table, id, ABSENT, READING) === ABSENT || claimWanted(table, id)
}

/** Marks an expert as held: its bytes are in place. */
export function markHeld(table: Int32Array, id: number): void {
  Atomics.store(table, id, HELD)
  Atomics.notify(table, id)
}

/** Takes back the place of an expert that no thread is reading; false if one is. */
export function vacate(table: Int32Array, id: number): boolean {
  return [HELD, WANTED, ABSENT].some((state) => Atomics.compareExchange(table, id, state, ABSENT) === state)
}

/** Marks an expert as absent: its place went to another, or it could not be read. */
export function markAbsent(table: Int32Array, id: number): void {
  Atomics.store(table, id, ABSENT)
  Atomics.notify(table, id)
}

export function awaitReading(table: Int32Array, id: number): void {
  while (Atomics.load(table, id) === READING) Atomics.wait(table, id, READING)
}
