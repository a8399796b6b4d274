import { spawn, spawnSync } from 'node:child_process'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openLocalFile } from '#molm/ground/files/local-folder.js'
import { loadModel } from '#molm/index.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import { ended, molmProcess, type Running } from '../cli/molm.js'
import { startServer } from '../cli/server.js'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/* The reader and the notebook for Python read what molm writes, as a user runs them. */

const PYTHON = process.env.PYTHON ?? 'python3'
const hasNumPy = process.env.PYTHON !== undefined || spawnSync(PYTHON, ['-c', 'import numpy']).status === 0

const test = suite('examples/python')
const withPython = hasNumPy ? test : test.skip

interface Cell {
  cell_type: string
  source: string[]
  outputs?: unknown[]
}

const { cells }: { cells: Cell[] } = JSON.parse(await readFile(repositoryPath('examples/python/experts.ipynb'), 'utf8'))
const textsOf = (type: string) =>
  cells.filter(({ cell_type }) => cell_type === type).map(({ source }) => source.join(''))

/** Prints the server's message. */
const WRONG = `
from molm_trace import ask
try:
    ask("/v1/completions", model="nano", prompt=-1)
except RuntimeError as error:
    print(error)
`

/** Writes the states as the notebook says, and calls `use` with its folder and a function that runs a program there. */
function withStates(use: (run: (program: string, env?: object) => Promise<string>, dir: string) => Promise<void>) {
  return inTemporaryFolder(async (folder) => {
    const dir = join(folder, 'python')
    await mkdir(dir)
    for (const name of ['python/molm_trace.py', 'prose.txt', 'code.js'])
      await cp(repositoryPath(`examples/${name}`), join(folder, name))
    const [, command] = /^molm (trace .*)$/m.exec(textsOf('markdown')[0]) ?? []
    const { stderr, code } = await molmProcess(command.split(' '), { cwd: dir })
    assert.is(code, 0, stderr)
    await use(async (program, env = {}) => {
      const options = { cwd: dir, env: { ...process.env, MPLBACKEND: 'agg', ...env } }
      const child = spawn(PYTHON, ['-B', '-'], options)
      child.stdin.end(program)
      const { code, stdout, stderr } = await ended(child as Running)
      assert.is(code, 0, stderr)
      return stdout
    }, dir)
  })
}

withPython('the reader has the model’s own numbers, and molm reads what it writes', () =>
  withStates(async (run, dir) => {
    const { tokens, hidden, ids, usage } = JSON.parse(
      await run(`
import json
import numpy as np
from molm_trace import Trace, write
trace = Trace("states.safetensors")
first = trace.texts == 0
write("mine.safetensors", {"flags": first.astype(np.uint8)[:3], "rows": trace.hidden(2)[4:6]}, {"from": trace.names[1]})
print(json.dumps({
    "tokens": trace.tokens[first][:50].tolist(),
    "hidden": trace.hidden(2)[:50].ravel().tolist(),
    "ids": trace.experts(2, "attention").expert_indices[:50].ravel().tolist(),
    "usage": trace.usage(2, "attention", slice(50)).tolist(),
}))`),
    )
    const model = await loadModel('nano', { threads: 1 })
    try {
      assert.is(
        (await readFile(repositoryPath('examples/prose.txt'), 'utf8')).indexOf(model.tokenizer.decode(tokens)),
        0,
      )
      const read = await model.createSession().forward(tokens, { hidden: [2], routes: true, logits: 'none' })
      assert.equal(hidden, [...read.hidden[0]])
      const chosen = [...(read.routes[2].attention?.ids ?? [])]
      assert.equal(ids, chosen)
      const counts = usage.map((_: number, expert: number) => chosen.filter((id) => id === expert).length)
      assert.equal(usage, counts)
      const file = await openLocalFile(join(dir, 'mine.safetensors'))
      const { tensors, metadata } = await readSafetensors(file)
      assert.equal(metadata, { from: '../code.js' })
      const about = tensors.map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join('x')}`)
      assert.equal(about, ['flags U8 3', `rows F32 2x${model.config.width}`])
      const rows = new Float32Array((await file.read(tensors[1].offset, 8 * model.config.width)).slice().buffer)
      assert.equal([...rows], hidden.slice(4 * model.config.width, 6 * model.config.width))
      await file.close()
    } finally {
      await model.dispose()
    }
  }),
)

withPython('each cell of the notebook runs, and shows what the text before it says', () =>
  withStates(async (run) => {
    const { child, url } = await startServer(['-m', 'nano'])
    try {
      const said = await run(textsOf('code').join('\n'), { OPENAI_BASE_URL: `${url}/v1` })
      assert.match(said, /^nano q4 layers \[0, 1, 2, 3, 4, 5\]\n\.\.\/prose\.txt 701 tokens\n/)
      const right = [...said.matchAll(/^layer \d: (\S+)% of \d+ held-out tokens$/gm)].map(([, share]) => Number(share))
      assert.is(right.length, 6)
      assert.ok(Math.min(...right) > 80 && Math.max(...right) > 95, said)
      const [, text] = /^('.*') \(39, 6, 4\)$/m.exec(said) ?? []
      const pushed = [...said.matchAll(/^([0-3]) (['"].*)$/gm)].map(([, , text]) => text)
      assert.is(pushed.length, 4)
      assert.is(pushed[0], text)
      assert.match(pushed[3], /[{}()=;]/)
      const wrong = await run(WRONG, { OPENAI_BASE_URL: url })
      assert.match(wrong, /prompt/)
    } finally {
      child.kill('SIGTERM')
      await ended(child)
    }
  }),
)

test('the notebook has no outputs', () => {
  assert.ok(textsOf('code').length >= 5)
  assert.equal(
    cells.flatMap(({ outputs = [] }) => outputs),
    [],
  )
})

test.run()
