import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import * as assert from 'uvu/assert'
import { repositoryPath } from './fixtures.js'

/** Root may do it as it is; others need a namespace of users too, which some systems forbid. */
const UNSHARE = ['--pid', '--fork', '--kill-child', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])]
const OWN_PROC = '--mount-proc'

/** Whether a process can be started here that counts processes by itself, as a container does. */
export const canUnshare = spawnSync('unshare', [...UNSHARE, OWN_PROC, 'true']).status === 0

/**
 * Runs `use` while a process with a PID namespace of its own waits in `untilEnd()`, which `line` calls: the last line of its
 * program, after the import of `name` from `file` in dist/. It then goes on, and must end well. Without `hasProc` its /proc is
 * that of the processes outside.
 */
export async function besideContained(
  [name, file]: readonly [name: string, file: string],
  line: string,
  { hasProc }: { hasProc: boolean },
  use: () => Promise<void>,
): Promise<void> {
  const source = [
    `import { ${name} } from ${JSON.stringify(repositoryPath(`dist/${file}`))}`,
    "const end = new Promise((end) => process.stdin.on('end', end).resume())",
    "const untilEnd = () => { console.log('at work'); return end }",
    line,
  ]
  const node = [process.execPath, '--input-type=module', '--eval', source.join('\n')]
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    'unshare',
    [...UNSHARE, ...(hasProc ? [OWN_PROC] : []), ...node],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const closed = once(child, 'close')
  try {
    const [first] = await Promise.race([once(child.stdout, 'data'), closed])
    assert.is(String(first), 'at work\n')
    await use()
    child.stdin.end()
    assert.equal(await closed, [0, null])
  } finally {
    child.kill('SIGKILL')
  }
}
