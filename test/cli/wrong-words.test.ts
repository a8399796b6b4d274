import { type Command, CommanderError } from 'commander'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommandName } from '#molm/cli/parsing/commands.js'
import { checkOneDashOptions, checkPromptAlone, clearerError } from '#molm/cli/parsing/wrong-words.js'
import { UsageError } from '#molm/ground/errors.js'
import { createProgram } from '#molm/program.js'
import { assertAllRefused } from './molm.js'

const test = suite('commands and options of other tools')

test.before(() => {
  process.env.MOLM_HOME = '/nonexistent'
})

/** The error for a prompt of these words; empty if the model is asked. */
async function refusal(line: string): Promise<string> {
  try {
    await checkPromptAlone(line.split(' '))
    return ''
  } catch (error) {
    assert.instance(error, UsageError)
    return (error as UsageError).message
  }
}

/** The error for a command line that the parser refuses; empty if the parser's own message is enough. */
async function parserRefusal(line: string): Promise<string> {
  const words = line.split(' ')
  const program = await createProgram([words[0] as CommandName])
  const command = program.commands.find((command) => command.name() === words[0]) as Command
  const error = await program.parseAsync(words, { from: 'user' }).catch((error: Error) => error)
  if (error instanceof CommanderError) return (await clearerError(error, command))?.message ?? ''
  assert.instance(error, UsageError)
  return (error as UsageError).message
}

test('a command of another tool alone is refused, with the equivalent in molm', async () => {
  assert.is(
    await refusal('models'),
    "'models' is not a command; did you mean 'molm list'?\n'molm run models' asks the model",
  )
  assert.match(await refusal('ps'), /'molm list' lists the models on this computer\n'molm run ps' asks the model$/)
  const ours = { remove: 'rm', delete: 'rm', info: 'show', install: 'pull', upgrade: 'update' }
  for (const [word, meant] of Object.entries(ours)) assert.match(await refusal(word), `did you mean 'molm ${meant}'?`)
  for (const word of ['history', 'sessions', 'conversations', 'chats', 'logs'])
    assert.match(await refusal(word), "'molm chat --list' lists the conversations")
  for (const word of ['stop', 'search', 'logs', 'embed']) assert.match(await refusal(word), 'is not a command; ')
})

test('such a command with a word, or with a model and other words, is refused, too', async () => {
  const refused = {
    'install x': "did you mean 'molm pull x'?",
    'delete x': "did you mean 'molm rm x'?",
    'info nano': "did you mean 'molm show nano'?\n'molm run info nano' asks the model",
    'remove acme/model:q8': "did you mean 'molm rm acme/model:q8'?",
    'delete ./folder': "did you mean 'molm rm ./folder'?",
    'search granite': "'molm pull OWNER/NAME' fetches one",
    'embed hi': 'molm computes no embeddings',
    'cp nano nano2': 'a model is a folder',
    'quantize nano q8': "'molm convert MODEL FOLDER --quant q8' packs a model again",
    'quantize ./model.gguf /tmp/out Q4_K_M': 'is not a command',
    'remove nano other/model': "did you mean 'molm rm nano' and 'molm rm other/model'?",
  }
  for (const [line, says] of Object.entries(refused)) assert.match(await refusal(line), says)
})

test('all other prompts go to the model', async () => {
  const prompts = [
    'lighthouse',
    'delete all files',
    'remove the last line',
    'stop talking now',
    'search the archives for nano',
    'embed hello world',
    'cp symmetry violation',
    'What is nano?',
    'constructor',
  ]
  for (const line of prompts) assert.is(await refusal(line), '', line)
})

test('such a command with an option, or after help, is refused, too', () =>
  assertAllRefused('', [
    ['ps -a', /'ps' is not a command/],
    ['help models', /'models' is not a command; did you mean 'molm list'/],
  ]))

test('options of other tools are refused with the equivalent in molm', async () => {
  const refused: [line: string, says: RegExp][] = [
    ['run -x hi', /^molm run has no -x: molm prints the whole answer$/],
    ['chat -i', /^molm chat has no -i: 'molm run' asks once, 'molm chat' holds a conversation$/],
    ['run --session=9 hi', /has no --session: -c continues the latest .*, 'molm chat --resume NAME' another/],
    ['run --n-gpu-layers 99 hi', /CPU only/],
    ['run --json-schema {} hi', /has no --json-schema: --schema JSON or/],
    ['chat -j {}', /has no -j: --schema JSON or/],
    ['run --format json hi', /has no --format: --schema JSON or/],
    ['run --grammar-file=x hi', /has no --grammar-file: --grammar FILE/],
    ['run --hidethinking hi', /only with --show-thinking/],
    ['run --reasoning-budget 0 hi', /--think-budget N/],
    ['run --jinja hi', /templates are always used/],
    ['run --frobnicate', /^$/],
    ['bench --session', /^$/],
  ]
  for (const [line, says] of refused) assert.match(await parserRefusal(line), says)
})

test('a mistyped option gets the nearest of all, also of options that the help leaves out', async () => {
  assert.is(await parserRefusal('run --promt hi'), "unknown option '--promt'; did you mean --prompt?")
  assert.is(await parserRefusal('run --top 3 hi'), "unknown option '--top'; did you mean --top-k or --top-p?")
  assert.is(await parserRefusal('run --xyzzy hi'), '')
})

test('an option of another tool is not read as a letter and its value', () => {
  assert.throws(() => checkOneDashOptions(['run', '-ngl', '99', 'hi']), /^molm run has no -ngl: .*CPU only$/)
  for (const line of ['run -n5 hi', 'run -- -ngl', 'bench -ngl 5']) checkOneDashOptions(line.split(' '))
})

test('a prompt that begins with a GGUF file is refused, with the command that runs the file', async () => {
  const asks = /takes a model as an option; did you mean this\?\nmolm run -m 'it'\\''s.gguf' 'Hello there'\n/
  const words = ["it's.gguf", 'Hello there']
  await assertAllRefused('', [
    [words, asks],
    [['run', ...words], asks],
  ])
})

test('a model or a message as an argument is refused with the right place for it', async () => {
  const says = "molm serve takes a model as an option; did you mean 'molm serve -m nano'?"
  assert.is(await parserRefusal('serve nano'), says)
  assert.is(await parserRefusal('serve nano nano'), '')
  assert.is(await parserRefusal('list nano'), '')
})

test.run()
