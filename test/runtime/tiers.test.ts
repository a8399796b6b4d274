import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Job } from '#molm/runtime/abi/control.js'
import { Group, MatmulArg } from '#molm/runtime/abi/products.js'
import { Bank } from '#molm/runtime/bank.js'
import { proveProducts } from '#molm/runtime/proof.js'
import { chooseKernels, compileTier, TIERS } from '#molm/runtime/tiers.js'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('kernel tiers')

/** Kernels that get one number of one product a little wrong. */
class WrongBank extends Bank {
  private products = 0
  /** Numbers that the products gave, all in all. */
  numbers = 0

  constructor(
    module: WebAssembly.Module,
    private readonly wrongProduct: number,
    private readonly wrongNumber: number,
  ) {
    super(module)
  }

  override run(kind: number, chunks: number): void {
    super.run(kind, chunks)
    if (kind !== Job.matmul || this.products++ !== this.wrongProduct) return
    const { args } = this.control
    const [table, output, stride] = [args[MatmulArg.groups], args[MatmulArg.output], args[MatmulArg.outputStride]]
    const rows = this.u32[(table + Group.count) / 4]
    this.numbers = (rows * stride) / 4
    this.f32[output / 4 + this.wrongNumber] += 1
  }
}

test('every tier proves itself', () => {
  for (const tier of TIERS) assert.ok(proveProducts(new Bank(compileTier(tier))), tier)
})

test('a kernel that gets any number of any product wrong is found out', () => {
  const module = compileTier('plain')
  for (let product = 0; product < 3; product++) {
    const first = new WrongBank(module, product, 0)
    assert.not(proveProducts(first), `product ${product}`)
    assert.is(first.numbers, 40)
    for (let number = 1; number < first.numbers; number++) {
      assert.not(proveProducts(new WrongBank(module, product, number)), `product ${product}, number ${number}`)
    }
  }
})

test('the tier asked for is taken, and without a wish the fastest', () => {
  for (const tier of TIERS) assert.is(chooseKernels(tier).tier, tier)
  assert.is(chooseKernels(undefined).tier, 'relaxed')
})

/** Tier that a fresh process takes with MOLM_KERNELS set so, or what it says instead. */
function tierWith(MOLM_KERNELS: string): string {
  const script = [
    `import { loadModel } from ${JSON.stringify(repositoryPath('dist/index.js'))}`,
    "const model = await loadModel('nano', { threads: 1 }).catch((error) => ({ tier: error.message, dispose() {} }))",
    'process.stdout.write(model.tier)',
    'await model.dispose()',
  ]
  // Node warns on stderr where both are set.
  const { NO_COLOR, FORCE_COLOR, ...rest } = process.env
  const env = { ...rest, MOLM_KERNELS }
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script.join('\n')], {
    env,
    encoding: 'utf8',
  })
  return stdout + stderr
}

test('MOLM_KERNELS decides for a whole process, and a wrong one is named', () => {
  // Node 24 and newer may fuse pairs of vectors, where that computes right.
  assert.match(tierWith('plain'), /^plain(\+256)?$/)
  assert.match(tierWith('relaxed'), /^relaxed(\+256)?$/)
  assert.match(tierWith(''), /^relaxed(\+256)?$/)
  assert.is(tierWith('fast'), "MOLM_KERNELS is 'fast'; it can be 'relaxed' or 'plain'")
})

test.run()
