// Removes the parts of package.json that only a checkout needs before packing, and restores them afterwards. The
// published package is already built, and runs no script during installation.
//   node scripts/package-manifest.mjs publish|restore      (npm calls both: prepack, postpack)
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'

const MANIFEST = new URL('../package.json', import.meta.url)
const KEPT = new URL('../build/package.json', import.meta.url)

switch (process.argv[2]) {
  case 'publish':
    await publish()
    break
  case 'restore':
    await writeFile(MANIFEST, await readFile(KEPT))
    await rm(KEPT)
    break
  default:
    throw new Error('usage: package-manifest.mjs publish|restore')
}

async function publish() {
  const text = await readFile(MANIFEST, 'utf8')
  const { scripts, devDependencies, ...published } = JSON.parse(text)
  // An interrupted packing left package.json without scripts. Saving this one would lose the original.
  if (!scripts) throw new Error('package.json is the one for publishing; restore it with: git checkout package.json')
  await mkdir(new URL('.', KEPT), { recursive: true })
  await writeFile(KEPT, text)
  await writeFile(MANIFEST, `${JSON.stringify(published, null, 2)}\n`)
}
