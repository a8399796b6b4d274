import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeLicence, isOpen, licenceIn } from '#molm/library/hub/licence.js'
import { planOf, withHub } from '../../support/with-hub.js'

const test = suite('the licence of a model on the hub')

const card = (...lines: string[]) => `---\n${lines.join('\n')}\n---\n# A model\nlicense: not this one\n`

test('is read from the front matter of the model’s card', () => {
  assert.equal(licenceIn(card('tags:', '- text', 'license: apache-2.0')), { name: 'apache-2.0' })
  assert.equal(licenceIn(card('license: "MIT" # as usual').replaceAll('\n', '\r\n')), { name: 'MIT' })
  assert.equal(licenceIn(card('license:', '- gemma', '- mit')), { name: 'gemma' })
  assert.equal(licenceIn(card('license: >-', '  gemma')), { name: 'gemma' })
  assert.equal(licenceIn(card('license: other', 'license_name: research-only', 'license_link: LICENSE')), {
    name: 'research-only',
    link: 'LICENSE',
  })
  assert.equal(licenceIn(card('license: other')), { name: 'other' })
  for (const none of [
    '',
    'license: mit',
    card('tags: []'),
    card('license:'),
    card('license: # which?', 'tags: x'),
    card('license: null'),
    card('license: ~'),
    card('license: |'),
    '---\nlicense: mit\n',
    card('  license: x'),
  ]) {
    assert.is(licenceIn(none), undefined, none)
  }
})

test('of several is the first one that is not open', () => {
  const lists = [['license: [mit, "llama3", gemma] # two'], ['license: [', '  mit,', '  llama3', ']']]
  for (const list of [...lists, ['license:', '  - mit', '  - llama3 # restricts', 'tags: [a]']]) {
    assert.equal(licenceIn(card(...list)), { name: 'llama3' }, list.join(' '))
  }
  assert.equal(licenceIn(card('license: [mit, other]', 'license_name: research-only')), { name: 'research-only' })
  assert.equal(licenceIn(card('license: [mit, apache-2.0]')), { name: 'mit' })
})

test('is found quickly, whatever the card holds', () => {
  const blanks = ' '.repeat(2 ** 20)
  assert.is(licenceIn(card(`license: mit${blanks}x`))?.name, 'mit')
  assert.is(licenceIn(card(`license: mit${blanks}# x`))?.name, 'mit')
  for (const value of [`a${blanks}b`, blanks, `[${blanks}`, `"${blanks}`, `[${'a,'.repeat(2 ** 19)}`]) {
    licenceIn(card(`license: ${value}`))
    licenceIn(card('license:', `- ${value}`))
  }
  licenceIn(card(`license:${'\n- a'.repeat(2 ** 18)}`))
})

test('is open if it allows everyone to use the model for any purpose', () => {
  for (const name of ['apache-2.0', 'MIT', 'bsd-3-clause', 'bsd', 'cc-by-4.0', 'cc0-1.0', 'agpl-3.0', 'mpl-2.0']) {
    assert.ok(isOpen({ name }), name)
  }
  for (const name of ['gemma', 'llama3.1', 'cc-by-nc-4.0', 'openrail', 'other', 'research-only', 'mit-ish', '']) {
    assert.not(isOpen({ name }), name)
  }
})

test('is described with the address of its text', () => {
  const page = 'https://hub.example/org/model'
  const described = (link?: string) => describeLicence({ name: 'gemma', ...(link && { link }) }, page)
  assert.is(described(), `the licence is gemma, which may restrict what the model is used for: ${page}`)
  assert.match(described('https://example.com/terms'), /: https:\/\/example\.com\/terms$/)
  assert.match(described('LICENSE.md'), `: ${page}/blob/main/LICENSE.md`)
  assert.match(described('../../other'), new RegExp(`: ${page}$`))
  const hostile = describeLicence({ name: `a\x1b[2J${'b'.repeat(999)}` }, page)
  assert.ok(hostile.startsWith('the licence is a\\x1b[2Jbbb') && hostile.length < 300, hostile)
})

test('is printed by a pull before the weights are fetched, unless it is open', () =>
  withHub(async (hub) => {
    const repository = await hub.serve('org/model', '02-base-safetensors-f32')
    const notesOf = async (...lines: string[]) => {
      repository.files.set('README.md', Buffer.from(card(...lines)))
      repository.commit = repository.commit.replace(/./g, repository.commit[0] === 'a' ? 'b' : 'a')
      const notes: string[] = []
      const before = hub.sentOf('model.safetensors')
      await planOf('org/model', {
        onNote: (note) => {
          notes.push(note)
          assert.ok(hub.sentOf('model.safetensors') - before < 10_000)
        },
      })
      return notes
    }
    const page = `${hub.endpoint}/org/model`
    assert.equal(await notesOf('license: other', 'license_name: research-only', 'license_link: LICENSE'), [
      `org/model: the licence is research-only, which may restrict what the model is used for: ${page}/blob/main/LICENSE`,
    ])
    assert.not.match((await notesOf('license: apache-2.0')).join(), /licence/)
    const long = await notesOf('license: gemma', '---', 'x'.repeat(2 ** 20))
    assert.match(long.join('\n'), /^org\/model: the licence is gemma,/m)
  }))

test.run()
