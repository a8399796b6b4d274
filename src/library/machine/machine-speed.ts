import os from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../../ground/files/folders.js'
import { molmHome } from '../../ground/files/home.js'
import { readJsonIfPresent } from '../../ground/files/small-file.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { fields, isNumber } from '../../ground/json/forms.js'
import { molmVersion } from '../../ground/version.js'
import { allocateGroups, allocateList, writeGroup, writeListEntry } from '../../kernels/calls/groups.js'
import { Matmul } from '../../kernels/calls/matmul.js'
import { Norm } from '../../kernels/calls/norm.js'
import type { Bank } from '../../kernels/memory/bank.js'
import { Rows } from '../../kernels/memory/rows.js'
import { Pool } from '../../kernels/threads/pool.js'
import { chooseKernels } from '../../kernels/tiers/choose-kernels.js'
import { packedBytes } from '../../model/packing/format/formats.js'
import { fillRandom, randomPool } from '../../model/weights/random-weights.js'

/** Formats whose products are measured. */
export const MEASURED = ['q4', 'q4m', 'q8', 'mxfp4'] as const
export type MeasuredFormat = (typeof MEASURED)[number]

/** Speeds of all threads of a machine together. */
export interface MachineSpeed {
  /** Bytes of weights a second that products with one row of activations read from memory. */
  streamed: Record<MeasuredFormat, number>
  /** Multiplications a second of products with many rows. */
  products: Record<MeasuredFormat, number>
  /** Seconds of a small call, whose weights are in the caches. */
  call: number
}

/** Rows and columns of a matrix, about as many as an expert has. */
const SIZE = 1024
/** Matrices of a call with one row each, as for the experts of a token, and rows of one matrix, as in a prompt. */
const [EXPERTS, MANY] = [8, 32]
/** Bytes of matrices in each format. Between two uses of one, all others are read: more than caches hold. */
const BYTES = 64 * 2 ** 20
/** Rounds that are measured at least, and milliseconds after which none begins. */
const [LEAST_ROUNDS, MOST_MS] = [3, 700]
/** Calls of a round: calls with one row read half of the matrices. */
const [CALLS_OF_MANY, SMALL_CALLS] = [4, 100]

/** Share of the processor's time below which other programs have slowed a measurement down. */
const UNDISTURBED = 0.8

interface MachineMeasurement {
  speed: MachineSpeed
  /** Whether other programs took time of the cores meanwhile. */
  isDisturbed: boolean
}

/** File in molm's home with the speed of the machine that it was measured on. */
const FILE = 'speed.json'

/**
 * The speed of this machine with one thread a core. It is measured in about a second, and kept until processor, cores,
 * Node or molm change. One that other programs slowed down is measured again the next time, and the fastest counts.
 */
export async function machineSpeed(measure = measureMachine): Promise<MachineMeasurement> {
  const machine = {
    processor: os.cpus()[0]?.model ?? '',
    cores: os.availableParallelism(),
    node: process.versions.node,
    molm: molmVersion(),
  }
  // A file that cannot be used is measured again.
  const found = await readJsonIfPresent(molmHome(), FILE).catch(() => undefined)
  const isOfThis = JSON.stringify(found?.machine) === JSON.stringify(machine) && isMachineSpeed(found?.speed)
  const kept = isOfThis ? { speed: found.speed as MachineSpeed, isDisturbed: found.isDisturbed === true } : undefined
  if (kept && !kept.isDisturbed) return kept
  const { speed: measured, isDisturbed } = await measure(machine.cores)
  const speed = kept && isDisturbed ? fastest(kept.speed, measured) : measured
  try {
    await makeFolder(molmHome())
    await writeAtomically(join(molmHome(), FILE), [`${JSON.stringify({ machine, speed, isDisturbed }, null, 2)}\n`])
  } catch {
    // Without a place for it, it is measured each time.
  }
  return { speed, isDisturbed }
}

function fastest(a: MachineSpeed, b: MachineSpeed): MachineSpeed {
  const { streamed, products } = structuredClone(a)
  for (const format of MEASURED) {
    streamed[format] = Math.max(streamed[format], b.streamed[format])
    products[format] = Math.max(products[format], b.products[format])
  }
  return { streamed, products, call: Math.min(a.call, b.call) }
}

const isEveryFormat = fields(Object.fromEntries(MEASURED.map((format) => [format, isNumber])))
const isMachineSpeed = fields({ streamed: isEveryFormat, products: isEveryFormat, call: isNumber }) as (
  value: unknown,
) => value is MachineSpeed

/** Measures this machine in about a second. */
export async function measureMachine(threads: number): Promise<MachineMeasurement> {
  const { bank } = chooseKernels()
  const pool = new Pool([bank], threads)
  try {
    const rates = new Rates()
    const round = prepare(bank, threads, rates)
    // The first round does not count: it compiles code and touches memory for the first time.
    round()
    rates.clear()
    const [began, used] = [performance.now(), process.cpuUsage()]
    for (let i = 0; i < LEAST_ROUNDS || performance.now() - began < MOST_MS; i++) round()
    const { user, system } = process.cpuUsage(used)
    const share = (user + system) / 1000 / threads / (performance.now() - began)
    const each = (kind: string) =>
      Object.fromEntries(MEASURED.map((format) => [format, rates.of(`${format} ${kind}`)])) as MachineSpeed['products']
    const speed = { streamed: each('streamed'), products: each('products'), call: 1 / rates.of('calls') }
    return { speed, isDisturbed: share < UNDISTURBED }
  } finally {
    await pool.close()
  }
}

/** Allocates matrices and activations. Returns a function that measures each rate once. */
function prepare(bank: Bank, threads: number, rates: Rates): () => void {
  const input = Rows.allocate(bank, MANY, SIZE, { records: true })
  const x = Rows.allocate(bank, MANY, SIZE)
  for (let r = 0; r < MANY; r++) x.row(r).set(Float32Array.from({ length: SIZE }, (_, i) => Math.sin(r * 7 + i)))
  new Norm(bank, { x, kind: 'rms', output: input }, 1).run(MANY)
  const output = Rows.allocate(bank, MANY, SIZE)
  const list = allocateList(bank, MANY)
  for (let r = 0; r < MANY; r++) writeListEntry(bank, list, r, r, r)
  const table = allocateGroups(bank, EXPERTS)
  const source = randomPool()
  const all = MEASURED.map((format) => {
    const matrix = { name: 'weight', kind: 'matrix', format, rows: SIZE, cols: SIZE, order: 'stacked' } as const
    const bytes = packedBytes('matrix', format, SIZE, SIZE)
    const count = Math.floor(BYTES / bytes)
    const start = bank.arena.allocate(count * bytes)
    const pieces = [{ ...matrix, sources: [], offset: 0, bytes: count * bytes }]
    fillRandom({ name: format, bytes: count * bytes, pieces }, bank.u8.subarray(start, start + count * bytes), source)
    return { format, bytes, count, start, matmul: new Matmul(bank, { format, input, output }, threads) }
  })
  const half = { input: input.slice(0, 1), output: Rows.allocate(bank, 1, SIZE / 2) }
  const small = new Matmul(bank, { format: 'q4', ...half }, threads)
  let turn = 0
  return () => {
    for (const { format, bytes, count, start, matmul } of all) {
      const multiply = (first: number, matrices: number, rows: number) => {
        for (let g = 0; g < matrices; g++) {
          writeGroup(bank, table, g, start + ((first + g) % count) * bytes, 0, list, rows)
        }
        matmul.run(table, matrices, matrices * rows)
      }
      const calls = Math.floor(count / EXPERTS / 2)
      rates.add(`${format} streamed`, calls * EXPERTS * bytes, () => {
        for (let i = 0; i < calls; i++) multiply((turn + i) * EXPERTS, EXPERTS, 1)
      })
      rates.add(`${format} products`, CALLS_OF_MANY * MANY * SIZE ** 2, () => {
        for (let i = 0; i < CALLS_OF_MANY; i++) multiply((turn + calls) * EXPERTS + i, 1, MANY)
      })
    }
    writeGroup(bank, table, 0, all[0].start, 0, list, 1)
    rates.add('calls', SMALL_CALLS, () => {
      for (let i = 0; i < SMALL_CALLS; i++) small.run(table, 1, 1)
    })
    turn += 5
  }
}

/** Rates by name, measured several times. */
class Rates {
  private readonly samples = new Map<string, number[]>()

  /** Runs `work`, which does `amount` of something. */
  add(name: string, amount: number, work: () => void): void {
    const began = performance.now()
    work()
    const seconds = (performance.now() - began) / 1000
    this.samples.set(name, [...(this.samples.get(name) ?? []), amount / seconds])
  }

  clear(): void {
    this.samples.clear()
  }

  /** The upper quartile, per second: other programs slow a sample down, and nothing speeds it up. */
  of(name: string): number {
    const sorted = (this.samples.get(name) ?? []).sort((a, b) => a - b)
    return sorted[Math.floor((sorted.length * 3) / 4)]
  }
}
