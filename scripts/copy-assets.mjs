// Copies the pages' HTML, CSS and SVG from src to the same paths in dist, since tsc does not.
//   node scripts/copy-assets.mjs      (npm run build calls it)
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { dirname, extname } from 'node:path'

const ASSETS = ['.html', '.css', '.svg']
const SRC = new URL('../src/', import.meta.url)
const DIST = new URL('../dist/', import.meta.url)

for (const path of await readdir(SRC, { recursive: true })) {
  if (!ASSETS.includes(extname(path))) continue
  const address = path.replaceAll('\\', '/')
  await mkdir(new URL(`${dirname(address)}/`, DIST), { recursive: true })
  await copyFile(new URL(address, SRC), new URL(address, DIST))
}
