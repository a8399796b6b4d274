import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { FIELDS, readDescription } from '#molm/model/families/description.js'
import { architectureNamed, layoutOf, MODEL_TYPES, parseConfig } from '#molm/model/families/index.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { APIS } from '#molm/server/apis.js'
import { FAMILY_FIXTURES, fixtureConfig, repositoryPath } from '../support/fixtures.js'

const test = suite('documents')

const DOCUMENTS = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'LICENCES.md'],
  ...['docs', 'bench'].flatMap((folder) => readdirSync(repositoryPath(folder)).map((name) => `${folder}/${name}`)),
].filter((name) => name.endsWith('.md'))
const PATH = /(?<![\w/])(?:src|test|assembly|bench|scripts|examples|\.ci)\/[\w./-]*\w/g

test('all files and folders that documents name exist', () => {
  const texts = DOCUMENTS.map((name) => readFileSync(repositoryPath(name), 'utf8'))
  const quoted = texts.flatMap((text) => [...text.matchAll(/`[^`\n]+`/g)].map(([code]) => code))
  const paths = quoted.flatMap((code) => code.match(PATH) ?? [])
  assert.ok(paths.length > 100)
  assert.equal(
    paths.filter((path) => !existsSync(repositoryPath(path))),
    [],
  )
})

test('all links between documents lead to a file and a heading', () => {
  const wrong = [...DOCUMENTS, 'CHANGELOG.md', 'models/nano/README.md'].flatMap((name) => {
    const links = [...readFileSync(repositoryPath(name), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link)
    const inside = links.filter((link) => !/^https?:/.test(link))
    return inside.filter((link) => !leadsToHeading(name, link)).map((link) => `${name}: ${link}`)
  })
  assert.equal(wrong, [])
})

/** Whether a link of a document leads to a file and, after `#`, to one of its headings, as GitHub names them. */
function leadsToHeading(document: string, link: string): boolean {
  const [path, anchor] = link.split('#')
  const target = path ? join(dirname(document), path) : document
  if (!existsSync(repositoryPath(target))) return false
  if (!anchor) return true
  const headings = [...readFileSync(repositoryPath(target), 'utf8').matchAll(/^#+ (.+)$/gm)]
  const anchorOf = (title: string) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  return headings.some(([, title]) => anchorOf(title) === anchor)
}

test('all files and folders that the pages on the architecture name exist', () => {
  const sources = readdirSync(repositoryPath('src'), { recursive: true, encoding: 'utf8' })
  const names = new Set(
    [...sources, ...readdirSync(repositoryPath('assembly'))].map((path) => path.split(/[\\/]/).at(-1)),
  )
  const houses = sources.filter((path) => path.endsWith('README.md')).map((path) => `src/${path}`)
  assert.is(houses.length, 16)
  for (const page of ['docs/ARCHITECTURE.md', 'CONTRIBUTING.md', ...houses]) {
    const text = readFileSync(repositoryPath(page), 'utf8')
    const blocks = [...text.matchAll(/^ {4}.*$/gm)].flatMap(([line]) => line.match(/[a-z-]+\/[\w/-]+/g) ?? [])
    const code = [...text.matchAll(/`([a-z][\w-]*(?:\/[\w.-]+)*(?:\/|\.tsx?))`/g)].map(([, path]) => path)
    assert.ok(code.length > 2, `${page} names files`)
    const missing = [...blocks, ...code].filter((path) => {
      if (!path.includes('/')) return !names.has(path)
      const places = [path, `src/${path}`, `${page.slice(0, page.lastIndexOf('/'))}/${path}`]
      return !places.some((place) => ['', '.ts', '.tsx'].some((end) => existsSync(repositoryPath(place + end))))
    })
    assert.equal(missing, [], page)
  }
})

test('docs/SERVE.md names every field of the requests', () => {
  const text = readFileSync(repositoryPath('docs/SERVE.md'), 'utf8')
  const bodies = APIS.flatMap((api) => Object.values(api.bodies))
  const paths = APIS.flatMap(({ names }) => Object.values(names)).filter((path) => path.includes('.'))
  const fields = new Set([
    ...bodies.flatMap(({ shape }) => Object.keys(shape)),
    ...paths.flatMap((path) => path.split('.')),
  ])
  assert.equal(
    [...fields].filter((field) => !text.includes(`\`${field}\``)),
    [],
  )
})

test('docs/SERVE.md lists the fields of this build that have no effect', async () => {
  const { withIgnoredFields } = await import(repositoryPath('scripts/write-ignored-fields.mjs'))
  const text = readFileSync(repositoryPath('docs/SERVE.md'), 'utf8')
  assert.ok(text.includes('`keep_alive`'))
  assert.is(text, await withIgnoredFields(text), 'run scripts/write-ignored-fields.mjs')
})

test('the table of docs/MODELS.md names every model_type', () => {
  const [, section] = readFileSync(repositoryPath('docs/MODELS.md'), 'utf8').split('\n## Families\n')
  const [table] = section.split('\n### ')
  assert.equal(
    MODEL_TYPES.filter((type) => !table.includes(`\`${type}\``)),
    [],
  )
})

test('docs/FAMILIES.md has a sound description, and every member, key and tensor of one', () => {
  const text = readFileSync(repositoryPath('docs/FAMILIES.md'), 'utf8')
  const [, example] = /```json\n(.*?)```/s.exec(text) ?? []
  assert.is(readDescription(Buffer.from(example), 'docs/FAMILIES.md').modelType, 'acme_moe')
  const all = { attention_bias: true, query_key_norm: 'head', attention_gate: 'sigmoid', router_bias: true }
  const shared = { num_shared_experts: 1, shared_expert_gate: true, first_k_dense_replace: 1 }
  const keys = { ...all, ...shared, model_type: 'molm_decoder', num_hidden_layers: 2, norms: 'around' }
  const tensors = layoutOf(parseConfig(keys, 'all'), formatsFor('q4', 'floats')).parts.flatMap(({ pieces }) =>
    pieces.flatMap(({ sources }) => sources.map(({ tensor }) => tensor.key)),
  )
  const names = tensors.map((key) =>
    key.replace(/layers\.\d+/, 'layers.{layer}').replace(/experts\.\d+/, 'experts.{expert}'),
  )
  const wanted = [...FIELDS, ...Object.keys(architectureNamed('molm_decoder')?.defaults ?? {}), ...new Set(names)]
  assert.ok(wanted.length > 60)
  assert.equal(
    wanted.filter((name) => !text.includes(`\`${name}\``)),
    [],
  )
})

test('docs/FORMAT.md has a row for every piece of the families, which names the families that have it', () => {
  const rows = pieceRows(readFileSync(repositoryPath('docs/FORMAT.md'), 'utf8'))
  const missing = FAMILY_FIXTURES.flatMap((name) => {
    const config = parseConfig(fixtureConfig(name), name)
    const isNamed = (families?: string) => {
      const named = MODEL_TYPES.filter((type) => families?.split(/\W+/).includes(type))
      return families && (named.length === 0 || named.includes(config.modelType) !== families.startsWith('all but'))
    }
    const pieces = layoutOf(config, formatsFor('q4', 'floats')).parts.flatMap((part) => {
      const partName = part.name.replace(/\.\d+/, '.{l}').replace(/\.\d+$/, '.{e}')
      return part.pieces.map((piece) => `${partName}/${piece.name.replace(/\.\d+$/, '.{h}')}`)
    })
    const wrong = [...new Set(pieces)].filter((piece) => !isNamed(rows.get(piece)))
    return wrong.map((piece) => `${config.modelType}: ${piece}`)
  })
  assert.ok(rows.size > 30)
  assert.equal(missing, [])
})

/** The families of each PART/PIECE in the table of other families than ModuleFormer. */
function pieceRows(text: string): Map<string, string> {
  const rows = text
    .split('## Other families')[1]
    .split('\n')
    .filter((line) => line.startsWith('| '))
  const families = new Map<string, string>()
  let part = ''
  for (const row of rows) {
    const [, named, pieces, , having] = row.split('|').map((cell) => cell.trim())
    part = named.match(/`(.+)`/)?.[1] ?? part
    for (const [, piece] of pieces.matchAll(/`([^`]+)`/g)) families.set(`${part}/${piece}`, having)
  }
  return families
}

test('CITATION.cff and CHANGELOG.md have the version in package.json, or the changelog the next one', () => {
  const { version, license } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8'))
  const citation = parse(readFileSync(repositoryPath('CITATION.cff'), 'utf8'))
  assert.equal([citation.version, citation.license, citation.type], [version, license, 'software'])
  const text = readFileSync(repositoryPath('CHANGELOG.md'), 'utf8')
  assert.ok(text.includes('## Unreleased') || text.includes(`## ${version}`))
  assert.match(text, new RegExp(`\\b${version.replaceAll('.', '\\.')}\\b`))
})

test.run()
