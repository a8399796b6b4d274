// Prints the SBOM (CycloneDX) of what users install, in the versions of package-lock.json.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The SBOM as a text. `npm sbom --omit dev` leaves out every package that one for development depends on, too, even if
 * molm itself does. So npm reads a manifest and a lock without packages for development.
 */
export function sbom() {
  const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))
  const { devDependencies: _, scripts, ...manifest } = read('package.json')
  const lock = read('package-lock.json')
  const { devDependencies, ...root } = lock.packages['']
  const installed = Object.entries(lock.packages).filter(([, { dev }]) => !dev)
  lock.packages = { ...Object.fromEntries(installed), '': root }
  const folder = mkdtempSync(join(tmpdir(), 'molm-sbom-'))
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
    const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx']
    return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(sbom())
