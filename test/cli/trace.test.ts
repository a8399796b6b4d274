import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

test('trace replay shows the hits of run, and speeds from disk and memory', async () => {
  await inTemporaryFolder(async (dir) => {
    const nano = join(dir, 'nano')
    await convertModel(repositoryPath('models/nano'), nano, { threads: 1 })
    const trace = join(dir, 't.jsonl')
    const run = ['run', '--raw', '--json', '--ignore-eos', '-n', '20', '--temperature', '0', '-m', nano]
    const { stdout } = await molm([...run, '--memory', '4MB', '--trace', trace, 'The lantern is lit'])
    const { memory } = JSON.parse(stdout)
    const replay = ['trace', 'replay', trace, '-m', nano, '--memory', '4MB,1GB', '--disk', '1GB/s', '--speed', '1000']
    const [text, json, csv] = await Promise.all([molm(replay), molm([...replay, '--json']), molm([...replay, '--csv'])])
    const { memories, tokens, prompt_tokens: prompt } = JSON.parse(json.stdout)
    assert.is(tokens - prompt, 20)
    const [own, whole] = memories
    assert.equal([own.hits, own.misses], [memory.expert_hits, memory.expert_misses])
    assert.ok(own.experts_held < own.experts)
    assert.is(whole.experts_held, whole.experts)
    const { bytes_per_token: bytes, tokens_per_second: speed } = own.generated
    assert.ok(Math.abs(speed - 1 / (1 / 1000 + bytes / 1e9)) < 1e-6)
    assert.match(
      text.stdout,
      /^t\.jsonl: \d+ tokens, \d+ in prompts and 20 generated\n.*\n.*1\.00 GB\/s; 1000 tokens\/s/,
    )
    assert.match(text.stdout, /4MB +\d+\/192 +\d+\.\d %/)
    for (const line of text.stdout.split('\n')) assert.ok(line.length <= 80, line)
    assert.match(csv.stdout, /^memory,experts_held,experts,hits,misses,bytes_read,generated_hits,/)
    assert.is(csv.stdout.trimEnd().split('\n').length, 1 + 2)
  })
})

test('trace replay takes a published shape in place of a model, and then gives bytes without speeds', async () => {
  await inTemporaryFolder(async (dir) => {
    const file = join(dir, 'trace.csv')
    const rows = Array.from({ length: 6 * 48 * 8 }, (_, i) => {
      const [t, l, rank] = [Math.floor(i / 384), Math.floor(i / 8) % 48, i % 8]
      return `${t - 2},7,a,${l},mlp,${rank},${(16 * rank + t + l) % 128},\n`
    })
    await writeFile(file, `index,token,text,layer,kind,rank,expert,gate\n${rows.join('')}`)
    const shape = ['trace', 'replay', file, '--shape', 'qwen3-30b-a3b']
    const { stdout, code } = await molm([...shape, '--memory', '3G'])
    assert.is(code, 0)
    assert.match(stdout, /qwen3-30b-a3b \(q4\): 17\.\d GB of weights/)
    assert.match(stdout, /tokens\/s in less memory need --disk and --speed/)
  })
})

test.run()
