// Makes the files of a release in build/release: the package, its SBOM, the hashes of its kernels, SHA256SUMS of these, and
// NOTES.md, the version's part of CHANGELOG.md.      node scripts/pack-release.mjs vX.Y.Z
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { differingKernels, hashLines, rebuildKernels } from './rebuild-kernels.mjs'
import { sbom } from './sbom.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const FOLDER = 'build/release'

const [tag] = process.argv.slice(2)
const { version } = JSON.parse(await readFile('package.json', 'utf8'))
if (tag !== `v${version}`) throw new Error(`the tag ${tag} is not that of package.json, v${version}`)
const notes = notesOf(await readFile('CHANGELOG.md', 'utf8'))

await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
const npm = (...args) => execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 1 << 26 })
// Builds everything first.
npm('pack', '--silent', '--pack-destination', FOLDER)
const hashes = await rebuildKernels()
const differing = differingKernels(join(FOLDER, `molm-${version}.tgz`), hashes)
if (differing.length > 0) throw new Error(`compiled again, these kernels differ: ${differing.join(', ')}`)
const files = {
  [`molm-${version}.cdx.json`]: sbom(),
  [`molm-${version}.kernels.sha256`]: hashLines(hashes),
}
for (const [name, text] of Object.entries(files)) await writeFile(join(FOLDER, name), text)
const released = [`molm-${version}.tgz`, ...Object.keys(files)]
const sums = released.map(async (name) => {
  const bytes = await readFile(join(FOLDER, name))
  return `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`
})
await writeFile(join(FOLDER, 'SHA256SUMS'), (await Promise.all(sums)).join(''))
await writeFile(join(FOLDER, 'NOTES.md'), notes)
console.log([...released, 'SHA256SUMS', 'NOTES.md'].map((name) => join(FOLDER, name)).join('\n'))

/** The part of the changelog below the heading of the version. */
function notesOf(changelog) {
  const part = changelog.split(/^## /m).find((part) => part.startsWith(version) || part.startsWith(`[${version}]`))
  if (!part) throw new Error(`CHANGELOG.md has no heading "## ${version}"`)
  return `${part.slice(part.indexOf('\n') + 1).trim()}\n`
}
