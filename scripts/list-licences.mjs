// Writes docs/LICENCES.md: the licence of every package that a user of molm installs. Run it after `npm install` when a
// dependency has changed; with --check it writes nothing, and fails where the page is stale.
import { readFile, writeFile } from 'node:fs/promises'

const PAGE = new URL('../docs/LICENCES.md', import.meta.url)
const root = new URL('../', import.meta.url)

const page = await licencePage()
if (!process.argv.includes('--check')) await writeFile(PAGE, page)
else if ((await readFile(PAGE, 'utf8').catch(() => '')) !== page) {
  console.error('docs/LICENCES.md is stale: run node scripts/list-licences.mjs')
  process.exitCode = 1
}

async function licencePage() {
  const { packages } = JSON.parse(await readFile(new URL('package-lock.json', root), 'utf8'))
  const rows = []
  for (const [path, locked] of Object.entries(packages)) {
    if (path === '' || locked.dev || locked.devOptional) continue
    const { name, version, licence } = await installed(path, locked)
    rows.push({ name, version, licence })
  }
  rows.sort((a, b) => order(a.name, b.name) || order(a.version, b.version))
  const table = rows.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`)
  const counts = new Map()
  for (const { licence } of rows) counts.set(licence, (counts.get(licence) ?? 0) + 1)
  const summary = [...counts]
    .sort((a, b) => b[1] - a[1] || order(a[0], b[0]))
    .map(([name, count]) => `${count} ${name}`)
  return [
    '# Licences of what molm is made of',
    '',
    'molm itself is under Apache-2.0 ([LICENSE](../LICENSE)); the data that its small model was trained on have licences of',
    'their own, which are listed in [its card](../models/nano/README.md).',
    '',
    `The packages that are installed with it, ${rows.length} in all: ${summary.join(', ')}. Written by \`scripts/list-licences.mjs\` from`,
    'package-lock.json and what is installed; a test sees to it that it is up to date.',
    '',
    '| package | version | licence |',
    '|---|---|---|',
    ...table,
    '',
  ].join('\n')
}

/** What a package says of itself, which must agree with the lock file; packages for other systems are only in that. */
async function installed(path, locked) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const text = await readFile(new URL(`${path}/package.json`, root), 'utf8').catch(() => undefined)
  if (text === undefined && !locked.optional) throw new Error(`${name} is not installed: run npm ci`)
  const own = text === undefined ? locked : JSON.parse(text)
  if (own.version !== locked.version)
    throw new Error(`${name} is installed as ${own.version}, locked as ${locked.version}`)
  const licence = typeof own.license === 'object' ? own.license.type : own.license
  if (!licence) throw new Error(`${name} ${own.version} names no licence`)
  return { name, version: own.version, licence }
}

/** By code points, the same on every computer. */
function order(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}
