import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import * as assert from 'uvu/assert'
import { repositoryPath } from './fixtures.js'

/** Root needs no user namespace; others do, and some systems forbid it. */
const UNSHARE = ['--pid', '--fork', '--kill-child', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'])]
const OWN_PROC = '--mount-proc'

/** Whether a process can be started in its own PID namespace, as in a container. */
export const canUnshare = spawnSync('unshare', [...UNSHARE, OWN_PROC, 'true']).status === 0

/**
 * Runs `use` while a process in its own PID namespace waits in `untilEnd()`. Its program imports `name` from `file` in
 * dist/ and runs `line`, which must await `untilEnd()`. Afterwards the process continues and must exit with 0. Without
 * `hasProc` it sees the /proc of the outer namespace.
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
