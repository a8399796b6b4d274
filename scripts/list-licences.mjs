// Writes LICENCES.md: the licence of every package that a user of molm installs. Run it after `npm install` when a
// dependency has changed. With --check it writes nothing, and fails if the page is stale.
import { readFile, writeFile } from 'node:fs/promises'

const PAGE = new URL('../LICENCES.md', import.meta.url)
const root = new URL('../', import.meta.url)

const page = await licencePage()
if (!process.argv.includes('--check')) await writeFile(PAGE, page)
else if ((await readFile(PAGE, 'utf8').catch(() => '')) !== page) {
  console.error('LICENCES.md is stale: run node scripts/list-licences.mjs')
  process.exitCode = 1
}

async function licencePage() {
  const { packages } = JSON.parse(await readFile(new URL('package-lock.json', root), 'utf8'))
  const rows = []
  for (const path of pathsForUsers(packages)) {
    const { name, version, licence } = await installed(path, packages[path])
    rows.push({ name, version, licence })
  }
  rows.sort((a, b) => order(a.name, b.name) || order(a.version, b.version))
  const table = rows.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`)
  const counts = new Map()
  for (const { licence } of rows) counts.set(licence, (counts.get(licence) ?? 0) + 1)
  const summary = [...counts]
    .sort((a, b) => b[1] - a[1] || order(a[0], b[0]))
    .map(([name, count]) => `| ${name} | ${count} |`)
  return [
    '# Licences',
    '',
    'molm is under Apache-2.0 ([LICENSE](LICENSE)). The training data of its small model have their own licences; [its model',
    'card](models/nano/README.md) lists them.',
    '',
    `npm installs ${rows.length} packages with molm. \`scripts/list-licences.mjs\` writes this page from package-lock.json and the installed`,
    'packages; a test keeps it up to date.',
    '',
    '| licence | packages |',
    '|---|---|',
    ...summary,
    '',
    '| package | version | licence |',
    '|---|---|---|',
    ...table,
    '',
  ].join('\n')
}

/**
 * Paths of the packages that npm installs for a user: what molm depends on, optional packages included, by way of others
 * too. Optional peers of a package are not among them.
 */
function pathsForUsers(packages) {
  const found = new Set()
  const open = ['']
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const { dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} } = packages[path]
    const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional)
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const target = resolve(packages, path, name)
      if (target === undefined || found.has(target)) continue
      found.add(target)
      open.push(target)
    }
  }
  return found
}

/** Path of a package as Node finds it from another: in that one's own node_modules, else in those around it. */
function resolve(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = `${folder}${folder && '/'}node_modules/${name}`
    if (packages[path] || folder === '') return packages[path] && path
  }
}

/** Facts from a package's own package.json, which must agree with the lock file. Packages for other systems are only in the latter. */
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

/** Compares by code points, the same on every computer. */
function order(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}
