import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commandFirst, loadCommand } from '#molm/program.js'

const test = suite('options before the command')

const words = (line: string) => line.split(' ')

test('a command may follow its options', async () => {
  const lines = [
    ['--json list', 'list --json'],
    ['-m nano show', 'show -m nano'],
    ['--seed 1 -n 5 run hi', 'run --seed 1 -n 5 hi'],
    ['-n5 --seed=1 run hi', 'run -n5 --seed=1 hi'],
    ['-t 1,2 bench -p 8', 'bench -t 1,2 -p 8'],
    ['--keep 0.5 prune nano out', 'prune --keep 0.5 nano out'],
    ['--keep pull a/b', 'pull --keep a/b'],
    ['-h list', 'list -h'],
  ]
  for (const [given, meant] of lines) assert.equal(await commandFirst(words(given), loadCommand), words(meant), given)
})

test('a word is not a command if it is the value of an option, or if the command does not have the options', async () => {
  const lines = [
    '-m show hi',
    '--seed 1 list',
    '-q -- list',
    '--frobnicate list',
    'tell me of a list',
    '--version',
    '-m',
  ]
  for (const line of lines) assert.equal(await commandFirst(words(line), loadCommand), words(line), line)
})

test.run()
