// Measures the products of a batch of decode steps, with few activation rows per matrix, on one thread. Weights come
// from cache (always the same matrix) or from memory. Prints GB of weights and billions of multiplications per second
// of CPU time for each number of rows: the best of several rounds, which other processes disturb least.
//   node bench/measure-batch-products.mjs [q4|q8] [COLUMNS] [OUTPUTS] [ROWS,...]
import { TileBytes } from '../dist/kernels/abi/formats.js'
import { allocateGroups, allocateList, writeGroup, writeListEntry } from '../dist/kernels/calls/groups.js'
import { Matmul } from '../dist/kernels/calls/matmul.js'
import { Bank } from '../dist/kernels/memory/bank.js'
import { Rows } from '../dist/kernels/memory/rows.js'
import { compileTier } from '../dist/kernels/tiers/choose-kernels.js'

const [format = 'q4', columns = '1024', outputs = '2048', counts = '1,2,3,4,5,6,8,16'] = process.argv.slice(2)
const [inputs, rows] = [Number(columns), Number(outputs)]
const ROUNDS = 12
const MEMORY = 400e6
const MOST = 64

const bank = new Bank(compileTier(process.env.MOLM_KERNELS ?? 'relaxed'))
const tileBytes = TileBytes[format]
const bytes = ((inputs * rows) / 256) * tileBytes
const matrices = Array.from({ length: Math.ceil(MEMORY / bytes) }, () => bank.arena.allocate(bytes))
fillMatrix(matrices[0])
for (const at of matrices.slice(1)) bank.u8.copyWithin(at, matrices[0], matrices[0] + bytes)
const input = Rows.allocate(bank, MOST, inputs, { records: true })
const output = Rows.allocate(bank, MOST, rows)
for (let r = 0; r < MOST; r++) fillRecord(input.records + r * input.recordBytes)
const list = allocateList(bank, MOST)
for (let i = 0; i < MOST; i++) writeListEntry(bank, list, i, i, i)
// Divided into chunks as for two threads.
const matmul = new Matmul(bank, { format, input, output }, 2)
const GROUPS = 16
const table = allocateGroups(bank, GROUPS)

console.log(`${format}, ${rows} x ${inputs}, Node ${process.versions.node}`)
for (const count of counts.split(',').map(Number)) {
  const [cache, memory] = [best(count, false), best(count, true)]
  const figures = [cache, memory].map((seconds) => {
    const [gigabytes, products] = [bytes, inputs * rows * count].map((each) => (each * GROUPS) / seconds / 1e9)
    return `${gigabytes.toFixed(1).padStart(6)} GB/s ${products.toFixed(1).padStart(6)} GMAC/s`
  })
  console.log(`${String(count).padStart(2)} rows: from cache ${figures[0]}, from memory ${figures[1]}`)
}

/** Seconds for GROUPS matrices. */
function best(count, fromMemory) {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    for (let group = 0; group < GROUPS; group++) {
      const weights = fromMemory ? matrices[(round * GROUPS + group) % matrices.length] : matrices[0]
      writeGroup(bank, table, group, weights, 0, list, count)
    }
    const started = process.cpuUsage()
    matmul.run(table, GROUPS, GROUPS * count)
    const { user, system } = process.cpuUsage(started)
    least = Math.min(least, user + system)
  }
  return least / 1e6
}

/** Arbitrary weights, with scales that avoid subnormal numbers. */
function fillMatrix(address) {
  for (let at = address; at < address + bytes; at += tileBytes) {
    for (let i = 0; i < tileBytes; i++) bank.u8[at + i] = (i * 97 + at * 31) & 255
    for (let r = 0; r < 8; r++) bank.u16[at / 2 + r] = 0x3c00 + r
  }
}

function fillRecord(address) {
  const { u8, f32 } = bank
  for (let i = 0; i < 3 * inputs; i++) u8[address + i] = (i * 61) & 127
  f32.fill(0.01, (address + 3 * inputs) / 4, (address + 3 * inputs) / 4 + inputs / 32)
}
