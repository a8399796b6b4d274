import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseMemory, parseSize, wholeNumber } from '#molm/cli/parsing/options.js'
import { UsageError } from '#molm/ground/errors.js'

test('sizes have units of 1000 and of 1024', () => {
  const [GiB, MiB] = [2 ** 30, 2 ** 20]
  const sizes = { '1GiB': GiB, '800MB': 8e8, '1.5gib': 1.5 * GiB, '64 MiB': 64 * MiB, '2k': 2048, '1073741824': GiB }
  for (const [text, bytes] of Object.entries(sizes)) assert.is(parseSize('--memory', text), bytes, text)
  const isUsage = (error: unknown) => error instanceof UsageError
  for (const text of ['', '0', '-1GB', '1XB', 'GiB', '1e3', '9e99GB', 'constructor']) {
    assert.throws(() => parseSize('--memory', text), isUsage, text)
  }
})

test('a tiny --memory without a unit is refused with a suggestion', () => {
  assert.throws(() => parseMemory('1'), /^--memory 1 is 1 byte; did you mean 1GB\?$/)
  assert.throws(() => parseMemory('800'), /--memory 800 is 800 bytes; did you mean 800MB\?/)
  assert.is(parseMemory('1B'), 1)
  assert.is(parseMemory('1073741824'), 2 ** 30)
})

test('whole numbers must be in decimal notation', () => {
  const parse = wholeNumber('--count', 1)
  assert.is(parse('12'), 12)
  for (const text of ['', ' ', '0', '-3', '1.5', '0x10', 'Infinity', 'twelve']) {
    assert.throws(() => parse(text), /--count must be a whole number from 1 on/, text)
  }
})

test.run()
