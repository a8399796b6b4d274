import { spawnSync } from 'node:child_process'
import { repositoryPath } from './fixtures.js'

/** Output of git, or undefined if it fails, as in a package without its history. */
export function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: repositoryPath(''), encoding: 'utf8', maxBuffer: 1 << 28 })
  return status === 0 ? stdout : undefined
}

/** The commit at which this branch has left main; on main the newest commit. */
export const branchStart = (): string | undefined =>
  (git('merge-base', 'HEAD', 'main') ?? git('merge-base', 'HEAD', 'origin/main'))?.trim()

/** Whether a line of a file, counted from 1, is another one than on main: committed, or only written so far. */
export function changedLines(): (file: string, line: number) => boolean {
  const base = branchStart()
  const changed = new Set<string>()
  let file = ''
  for (const row of (base && git('diff', '--unified=0', '--no-ext-diff', base))?.split('\n') ?? []) {
    if (row.startsWith('+++ ')) file = row.slice('+++ b/'.length)
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(row) ?? []
    for (let i = 0; first !== undefined && i < Number(count); i++) changed.add(`${file}:${Number(first) + i}`)
  }
  const isNew = new Set(git('ls-files', '--others', '--exclude-standard')?.split('\n'))
  return (file, line) => isNew.has(file) || changed.has(`${file}:${line}`)
}
