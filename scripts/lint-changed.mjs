// Checks the style of files that differ from main, committed or not: all files take biome much longer. Its own `--changed`
// leaves out what is not committed.
import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const cwd = fileURLToPath(new URL('..', import.meta.url))
const git = (...args) => execFileSync('git', args, { cwd, encoding: 'utf8' }).split('\n').filter(Boolean)

const main = git('branch', '--all', '--format=%(refname)', '--list', 'main', 'origin/main')[0] ?? 'HEAD'
const [base] = git('merge-base', 'HEAD', main)
const files = [
  ...git('diff', '--name-only', '--diff-filter=d', base),
  ...git('ls-files', '--others', '--exclude-standard'),
]
if (files.length > 0) {
  const biome = fileURLToPath(import.meta.resolve('@biomejs/biome/bin/biome'))
  const args = [biome, 'check', '--no-errors-on-unmatched', '--files-ignore-unknown=true', ...files]
  process.exitCode = spawnSync(process.execPath, args, { cwd, stdio: 'inherit' }).status ?? 1
}
