import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseGguf, defaultGguf, ggufChoices } from '#molm/library/hub/gguf-choice.js'
import { readRequest } from '#molm/library/hub/pull-options.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const tagsOf = (paths: string[]) => ggufChoices(paths).map(({ tag }) => tag)

test('the tag is the quantisation in the name of a file, whatever separates it', () => {
  assert.equal(
    tagsOf(['Qwen3-30B-A3B-Q4_K_M.gguf', 'qwen3-30b-a3b.q8_0.gguf', 'qwen3-30b-a3b-bf16.gguf', 'IQ4_NL.gguf']),
    ['BF16', 'IQ4_NL', 'Q4_K_M', 'Q8_0'],
  )
  assert.equal(tagsOf(['gpt-oss-20b-mxfp4.gguf', 'x-UD-Q4_K_XL.gguf', 'x-Q4_K_XL.gguf']), [
    'MXFP4',
    'Q4_K_XL',
    'UD-Q4_K_XL',
  ])
})

test('a file without a quantisation in its name has its name for a tag, as have two files of the same', () => {
  assert.equal(tagsOf(['model.gguf']), ['model'])
  assert.equal(tagsOf(['base-Q4_0.gguf', 'chat-Q4_0.gguf']), ['base-Q4_0', 'chat-Q4_0'])
  assert.equal(tagsOf(['a b (c).gguf']), ['a_b__c_'])
})

test('parts of a split file are one choice, and other files are none', () => {
  const paths = ['UD-Q4_K_XL/m-UD-Q4_K_XL-00002-of-00002.gguf', 'UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00002.gguf']
  const [choice, ...others] = ggufChoices([
    ...paths,
    'mmproj-F16.gguf',
    'm.imatrix.gguf',
    'imatrix_unsloth.gguf',
    'README.md',
  ])
  assert.equal(others, [])
  assert.equal(choice, {
    tag: 'UD-Q4_K_XL',
    folder: 'UD-Q4_K_XL',
    files: ['m-UD-Q4_K_XL-00001-of-00002.gguf', 'm-UD-Q4_K_XL-00002-of-00002.gguf'],
  })
})

test('a file is chosen by its tag or name, in any case of letters', async () => {
  const choices = ggufChoices(['x-Q4_0.gguf', 'x-Q8_0.gguf'])
  for (const tag of ['q8_0', 'Q8_0', 'x-q8_0', 'X-Q8_0.gguf']) assert.is(chooseGguf(choices, tag, 'org/x').tag, 'Q8_0')
  await rejectsWithUserError(
    () => chooseGguf(choices, 'Q8', 'org/x'),
    /^org\/x: has no GGUF file 'Q8'; there are Q4_0, Q8_0$/,
  )
})

test('without a tag the smallest readable file from Q4_K_M on is taken', async () => {
  const chosen = (...types: string[]) => defaultGguf(ggufChoices(types.map((type) => `x-${type}.gguf`)), 'org/x').tag
  assert.is(chosen('BF16', 'IQ1_S', 'Q2_K', 'Q4_K_M', 'Q8_0'), 'Q4_K_M')
  assert.is(chosen('BF16', 'Q2_K', 'Q5_K_M', 'Q8_0'), 'Q5_K_M')
  assert.is(chosen('IQ1_S'), 'IQ1_S')
  await rejectsWithUserError(() => chosen('IQ1_S', 'Q2_K'), /there are IQ1_S, Q2_K; choose one .*org\/x:IQ1_S/)
})

test('a name may have a tag, and the address of a GGUF file names it', async () => {
  const read = async (name: string) => {
    const { repo, suffix, quant } = await readRequest(name, {})
    return [repo, suffix, quant]
  }
  assert.equal(await read('org/x-GGUF:UD-Q4_K_XL'), ['org/x-GGUF', 'UD-Q4_K_XL', undefined])
  assert.equal(await read('org/x:q8'), ['org/x', 'q8', 'q8'])
  assert.equal(await read('hf.co/org/x-GGUF:Q4_K_M'), ['org/x-GGUF', 'Q4_K_M', undefined])
  const page = 'https://huggingface.co/org/x-GGUF/blob/main/Q8_0/x-Q8_0-00001-of-00002.gguf'
  assert.equal(await read(page), ['org/x-GGUF', 'x-Q8_0-00001-of-00002.gguf', undefined])
})

test.run()
