import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { Call, Global, pickle, Tuple } from '../support/pickle-writer.js'
import { safetensors } from '../support/safetensors-writer.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { torchZipOf } from '../support/torch-writer.js'
import { assertAllRefused, assertRefused, BIN, molm } from './molm.js'

const ifLinux = process.platform === 'linux' ? test : test.skip

ifLinux('a full disk under stdout is reported', async () => {
  const full = await open('/dev/full', 'w')
  try {
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'list'], {
      stdio: ['ignore', full.fd, 'pipe'],
      encoding: 'utf8',
    })
    assert.is(status, 1)
    assert.is(stderr, 'molm: stdout: the disk is full; make room and run the same command again\n')
  } finally {
    await full.close()
  }
})

test('wrong usage is reported in a line or two and exits with 2', async () => {
  assertRefused(await molm(['run', '-q'], { stdin: '\n' }), 2, /prompt is empty/)
  await assertAllRefused('', [
    [[''], /prompt is empty/],
    ['run', /prompt is empty/],
    ['-t 0 x', /--threads must be .* not '0'/],
    ['--threads two x', /--threads must be .* not 'two'/],
    ['--top-p 2 x', /--top-p must be .* not '2'/],
    ['-n 1.5 x', /--max-tokens must be/],
    ['-n -2 x', /^molm: --max-tokens must be a whole number from 0 on, not '-2'$/m],
    ['--temp -1 x', /^molm: --temperature must be a number not below 0, not '-1'$/m],
    [['--stop', '', 'x'], /^molm: --stop must be at most 1000 texts/],
    [['--memory', '12 parsecs', 'x'], /--memory must be a size like 1GiB/],
    ['--quant q3 x', /--quant <format>' argument 'q3' is invalid. Allowed choices are f32, q8, q4/],
    ['--frobnicate x', /unknown option '--frobnicate'\nsee molm run --help/],
    ['run --max-token 3 x', /unknown option '--max-token'; did you mean --max-tokens\?/],
    ['--json --jsonl x', /--json/],
    ['--experts x', /--experts needs --json/],
    ['bench -t 2,99', /^molm: --threads must be a whole number from 1 to 64, not '99'$/m],
    ['bench -p 0 -n 0', /-p 0 and -n 0 leave nothing to measure/],
    ['bench -b 2 -n 0', /--batch measures generation; -n 0 generates nothing/],
    ['bench -b 0', /^molm: --batch must be a whole number from 1 to 256, not '0'$/m],
    ['convert somewhere', /name a folder for the packed model, or give --dry-run/],
    ['show nano extra', /too many arguments/],
  ])
})

test('errors of the library name options by the flags of the command', () =>
  assertAllRefused('', [
    ['--memory 1MB x', /^molm: --memory 1MB is too little for /, 1],
    ['-m nano:q8 --quant q4 x', /^molm: nano:q8 asks for q8 and --quant for q4/],
  ]))

test('only MOLM_DEBUG=1 prints the stack of an error', async () => {
  const { code, stderr } = await molm(['-t', '0', 'x'], { env: { MOLM_DEBUG: '1' } })
  assert.is(code, 2)
  assert.match(stderr, /^molm: --threads .*\n(.*\n)+ +at /)
})

test('a missing or invalid model is reported with its path and exits with 1', () =>
  inTemporaryFolder(async (dir) => {
    const noConfig = join(dir, 'no-config')
    await mkdir(noConfig)
    const other = await damagedCopy(dir, 'other', '02-base-safetensors-f32', async (folder) => {
      await editJson(join(folder, 'config.json'), (config) => ({ ...config, model_type: 'llama' }))
    })
    await assertAllRefused('', [
      ['-m no-such-model x', /no-such-model/, 1],
      [['-m', noConfig, 'x'], /no-config.*config\.json/, 1],
      [['-m', other, 'x'], /config\.json.*llama/, 1],
      [['-m', fixturePath('02-base-safetensors-f32'), 'x'], /tokenizer/, 1],
      [['-m', fixturePath('13-classifier-safetensors-f32'), 'x'], /is a sequence classifier/, 1],
      [['convert', join(dir, 'nowhere'), join(dir, 'out')], /nowhere/, 1],
    ])
  }))

test('a damaged checkpoint is reported with its file and the fault, and exits with 1', () =>
  inTemporaryFolder(async (dir) => {
    const tensor = 'transformer.h.0.mlpf.experts.weight'
    const missing = await damagedCopy(dir, 'missing', '02-base-safetensors-f32', (folder) =>
      editHeader(folder, (header) => {
        header.renamed = header[tensor]
        delete header[tensor]
      }),
    )
    const cutBin = await damagedCopy(dir, 'cut-bin', '01-base-bin-f32', async (folder) => {
      const path = join(folder, 'pytorch_model.bin')
      await truncate(path, (await stat(path)).size / 2)
    })
    const marker = join(dir, 'executed')
    const hostile = await damagedCopy(dir, 'hostile', '01-base-bin-f32', (folder) => {
      const call = new Call(new Global('posix', 'system'), new Tuple(`touch ${marker}`))
      return writeFile(join(folder, 'pytorch_model.bin'), torchZipOf(pickle(call, 2), []))
    })
    await assertAllRefused('-m', [
      [[missing, 'x'], new RegExp(tensor), 1],
      [[cutBin, 'x'], /pytorch_model\.bin/, 1],
      [[hostile, 'x'], /posix[. ]system/, 1],
    ])
    assert.not(existsSync(marker), 'the pickle ran a command')
  }))

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>

async function damagedCopy(
  dir: string,
  name: string,
  fixture: string,
  edit: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(dir, name)
  await cp(fixturePath(fixture), folder, { recursive: true })
  await edit(folder)
  return folder
}

async function editJson(path: string, edit: (json: object) => object): Promise<void> {
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8')))))
}

async function editHeader(folder: string, edit: (header: Header) => void): Promise<void> {
  const path = join(folder, 'model.safetensors')
  const file = await readFile(path)
  const end = 8 + Number(file.readBigUInt64LE(0))
  const header: Header = JSON.parse(file.toString('utf8', 8, end))
  edit(header)
  await writeFile(path, safetensors(header, file.subarray(end)))
}

test('too much text on stdin is refused', async () => {
  const stdin = 'y\n'.repeat(2 ** 23 + 1)
  assertRefused(await molm(['-n', '1'], { stdin }), 1, /^molm: stdin has more than 16 MiB of text/)
})

test.run()
