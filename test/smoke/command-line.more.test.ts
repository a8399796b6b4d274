import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { molmProcess } from '../cli/molm.js'
import { LANTERN, linesOf } from '../support/lantern.js'
import { HAS_PSEUDO_TERMINAL, withTerminal } from '../support/pseudo-terminal.js'

const test = suite(`molm on Node ${process.versions.node}`)

const GREEDY = ['--temperature', '0', '-m', 'nano']

test('answers a prompt with the same text everywhere, and prints nothing else', async () => {
  const answer = await molmProcess([...GREEDY, LANTERN.question])
  assert.equal(answer, { code: 0, signal: null, stdout: `${LANTERN.answer}\n`, stderr: '' })
})

test('gives one text on every tier, even after V8 has replaced its first code', async () => {
  const args = [...GREEDY, '--raw', '-n', '400', '--ignore-eos', 'Once upon a time']
  const answers = await Promise.all([
    molmProcess([...args, '-t', '2']),
    molmProcess([...args, '-t', '1'], { env: { MOLM_KERNELS: 'plain' } }),
    molmProcess([...args, '-t', '3'], { env: { MOLM_V8_FLAGS: 'none' } }),
  ])
  for (const { code, stdout, stderr } of answers) {
    assert.equal({ code, stderr }, { code: 0, stderr: '' })
    assert.is(stdout, answers[0].stdout)
  }
  assert.ok(answers[0].stdout.length > 400, answers[0].stdout)
})

test('writes the same JSON by a schema with any number of threads', async () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', pattern: '^[A-Z][a-z]{2,9}$' },
      age: { type: 'integer', minimum: 18, maximum: 99 },
      kind: { enum: ['animal', 'tool'] },
    },
    required: ['name', 'age', 'kind'],
  }
  const args = ['--seed', '7', '--temperature', '0.8', '-m', 'nano', '--schema', JSON.stringify(schema), 'Describe it.']
  const [one, three] = await Promise.all([molmProcess([...args, '-t', '1']), molmProcess([...args, '-t', '3'])])
  assert.equal([one.code, one.stderr], [0, ''])
  assert.match(one.stdout, /^\{"name": ?"[A-Z][a-z]{2,9}", ?"age": ?[1-9]\d, ?"kind": ?"(animal|tool)"\}\n$/)
  assert.is(three.stdout, one.stdout)
})

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

trial('chats in a terminal', () =>
  withTerminal({ args: ['bin/molm.js', 'chat', ...GREEDY] }, async (terminal) => {
    await terminal.waitFor(/write something/)
    await terminal.enter(LANTERN.question, linesOf(LANTERN.answer))
    await terminal.waitUntil(() => !/ · answering/.test(terminal.screen.text.join('\n')), 'the end of the answer')
    terminal.type('\x04')
    assert.is((await terminal.ended()).code, 0)
  }),
)

test.run()
