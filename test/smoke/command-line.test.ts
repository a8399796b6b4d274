import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { molm } from '../cli/molm.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'

const test = suite(`molm on Node ${process.versions.node}`)

const ANSWER = 'A lantern is light in a transparent protective case.'
const TEXT =
  ' of war, which is now in the course of the session of Congress, and the people of the United States, and the people ' +
  'of the United States, are not so far as to make the most important and beneficent policy of the Government.'
const GREEDY = ['--temperature', '0', '-m', 'nano']

test('answers a prompt with the same text everywhere, and nothing else', async () => {
  const answer = await molm([...GREEDY, 'What is a lantern?'])
  assert.equal(answer, { code: 0, signal: null, stdout: `${ANSWER}\n`, stderr: '' })
})

test('continues a text for long enough that V8 replaces its first code, with the same text on every tier', async () => {
  const args = [...GREEDY, '--raw', '-n', '400', '--ignore-eos', 'Once upon a time']
  const answers = await Promise.all([
    molm([...args, '-t', '2']),
    molm([...args, '-t', '1'], { env: { MOLM_KERNELS: 'plain' } }),
    molm([...args, '-t', '3'], { env: { MOLM_V8_FLAGS: 'none' } }),
  ])
  for (const { code, stdout, stderr } of answers) {
    assert.equal({ code, stderr }, { code: 0, stderr: '' })
    assert.is(stdout, answers[0].stdout)
  }
  assert.ok(answers[0].stdout.startsWith(TEXT), answers[0].stdout)
})

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

trial('chats in a terminal', async () => {
  const terminal = await PseudoTerminal.start({ args: ['bin/molm.js', 'chat', ...GREEDY] })
  try {
    await terminal.waitFor(/write something/)
    await terminal.enter('What is a lantern?', /^A lantern is light in a transparent protective case\.$/m)
    await terminal.waitUntil(() => !/ · answering/.test(terminal.screen.text.join('\n')), 'the end of the answer')
    terminal.type('\x04')
    assert.is((await terminal.ended()).code, 0)
  } finally {
    await terminal.close()
  }
})

test.run()
