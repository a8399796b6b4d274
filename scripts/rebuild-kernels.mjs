// Compiles the kernels of this checkout again, beside those in dist, and prints the SHA-256 of each. With a package of molm, a
// kernel of it that differs ends the script with 1. To check a release:
//   git checkout vX.Y.Z && npm ci && node scripts/rebuild-kernels.mjs molm-X.Y.Z.tgz
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const inCheckout = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** SHA-256 of each kernel file, by its path in the package. */
export async function rebuildKernels() {
  const { targets } = JSON.parse(await readFile(inCheckout('asconfig.json'), 'utf8'))
  const folder = await mkdtemp(join(tmpdir(), 'molm-kernels-'))
  const hashes = new Map()
  try {
    for (const [tier, { outFile }] of Object.entries(targets)) {
      const built = join(folder, `${tier}.wasm`)
      execFileSync(process.execPath, ['scripts/build-kernels.mjs', tier, built], { cwd: inCheckout('.') })
      hashes.set(outFile, sha256(await readFile(built)))
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  return hashes
}

/** The form of sha256sum. */
export const hashLines = (hashes) => [...hashes].map(([path, hash]) => `${hash}  ${path}\n`).join('')

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Kernels of a package with other hashes than these. */
export function differingKernels(packed, hashes) {
  const inPackage = (file) => execFileSync('tar', ['-xzOf', resolve(packed), `package/${file}`], { maxBuffer: 1 << 26 })
  return [...hashes].filter(([file, hash]) => sha256(inPackage(file)) !== hash).map(([file]) => file)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , packed] = process.argv
  const hashes = await rebuildKernels()
  process.stdout.write(hashLines(hashes))
  if (packed) {
    const differing = differingKernels(packed, hashes)
    console.log(
      differing.length > 0 ? `${packed} has others: ${differing.join(', ')}` : `${packed} has the same kernels`,
    )
    if (differing.length > 0) process.exitCode = 1
  }
}
