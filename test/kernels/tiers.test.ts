import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Job } from '#molm/kernels/abi/control.js'
import { GROUP_BYTES, Group, MatmulArg } from '#molm/kernels/abi/products.js'
import { Bank } from '#molm/kernels/memory/bank.js'
import { chooseKernels, compileTier, TIERS } from '#molm/kernels/tiers/choose-kernels.js'
import { proveProducts } from '#molm/kernels/tiers/prove-products.js'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('kernel tiers')

/** Kernels that compute one number of one product slightly wrong. */
class WrongBank extends Bank {
  wrongProduct = 0
  wrongNumber = 0
  /** Total numbers that the wrong product returned. */
  numbers = 0
  private products = 0

  /** Whether the proof detects it. */
  isFoundOut(product: number, number: number): boolean {
    this.wrongProduct = product
    this.wrongNumber = number
    this.products = 0
    return !proveProducts(this)
  }

  override run(kind: number, chunks: number): void {
    super.run(kind, chunks)
    if (kind !== Job.matmul || this.products++ !== this.wrongProduct) return
    const { args } = this.control
    const [table, output, stride] = [args[MatmulArg.groups], args[MatmulArg.output], args[MatmulArg.outputStride]]
    let rows = 0
    for (let group = 0; group < chunks / args[MatmulArg.chunksPerGroup]; group++) {
      rows += this.u32[(table + group * GROUP_BYTES + Group.count) / 4]
    }
    this.numbers = (rows * stride) / 4
    this.f32[output / 4 + this.wrongNumber] += 1
  }
}

/** Rows of activations in the proof of each format of weights whose product has its own code. */
const ROWS = [23, 23, 23, 23, 5, 5, 23]

test('every tier proves itself', () => {
  for (const tier of TIERS) assert.ok(proveProducts(new Bank(compileTier(tier))), tier)
})

test('a kernel that computes any number of any product wrong is detected', () => {
  const bank = new WrongBank(compileTier('plain'))
  for (const [product, rows] of ROWS.entries()) {
    assert.ok(bank.isFoundOut(product, 0), `product ${product}`)
    assert.is(bank.numbers, rows * 8)
    // Places of columns in each group of rows that a product takes at once.
    for (let number = 1; number < bank.numbers; number += 5) {
      assert.ok(bank.isFoundOut(product, number), `product ${product}, number ${number}`)
    }
  }
  assert.not.ok(bank.isFoundOut(ROWS.length, 0), 'there is no other product')
})

test('the requested tier is used, otherwise the fastest', () => {
  for (const tier of TIERS) assert.is(chooseKernels(tier).tier, tier)
  assert.is(chooseKernels(undefined).tier, 'relaxed')
})

/** Tier of a new process with this MOLM_KERNELS, and with flags of V8, or its message. */
function tierWith(MOLM_KERNELS: string, ...flags: string[]): string {
  const script = [
    `import { loadModel } from ${JSON.stringify(repositoryPath('dist/index.js'))}`,
    "const model = await loadModel('nano', { threads: 1 }).catch((error) => ({ tier: error.message, dispose() {} }))",
    'process.stdout.write(model.tier)',
    'await model.dispose()',
  ]
  // Node warns on stderr if both are set.
  const { NO_COLOR, FORCE_COLOR, ...rest } = process.env
  const env = { ...rest, MOLM_KERNELS }
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '--eval', script.join('\n')],
    {
      env,
      encoding: 'utf8',
    },
  )
  return stdout + stderr
}

test('MOLM_KERNELS applies to a whole process, and an unknown tier is named', () => {
  // Node 24 and newer may fuse pairs of vectors, if that computes correctly.
  assert.match(tierWith('plain'), /^plain(\+256)?$/)
  assert.is(tierWith('fast'), "MOLM_KERNELS is 'fast'; it can be 'relaxed' or 'plain'")
})

const onX64 = process.arch === 'x64' ? test : test.skip

onX64('a processor without AVX has the same tiers, and one without SSE4.1 is named as the cause', () => {
  assert.match(tierWith('', '--no-enable-avx'), /^relaxed/)
  for (const tier of ['', 'relaxed'])
    assert.match(tierWith(tier, '--no-enable-sse4-1'), /^this processor lacks SSE4\.1/)
})

test.run()
