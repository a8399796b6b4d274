import { spawnSync } from 'node:child_process'

const MOST_FRAMES = 14

/** Frames of the C library below a wait, and the start of every thread. */
const OF_SYSTEM = /^(_|do_futex|start_thread|syscall)/

/**
 * Native stacks of the threads of a process and its descendants, innermost frame first: a line for each stack, with the
 * number of threads that have it. Empty without ps; without gdb it only names the processes.
 */
export function stacksUnder(pid: number): string {
  return processesUnder(pid)
    .map(({ pid, command }) => [`process ${pid}: ${command}`, ...stacksOf(pid).map((line) => `  ${line}`)].join('\n'))
    .join('\n')
}

function processesUnder(root: number): { pid: number; command: string }[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
  const all = [...(stdout ?? '').matchAll(/^ *(\d+) +(\d+) (.*)$/gm)].map(([, pid, parent, command]) => {
    return { pid: Number(pid), parent: Number(parent), command: command.slice(0, 200) }
  })
  const found = all.filter(({ pid }) => pid === root)
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid))
  return found
}

function stacksOf(pid: number): string[] {
  const args = ['-p', String(pid), '-batch', '-ex', 'thread apply all backtrace']
  const { stdout } = spawnSync('gdb', args, { encoding: 'utf8', timeout: 60_000, maxBuffer: 2 ** 28 })
  const counts = new Map<string, number>()
  for (const thread of (stdout ?? '').split(/^Thread /m).slice(1)) {
    const frames = [...thread.matchAll(/^#\d+ +(?:0x[0-9a-f]+ in )?(.+?) \(/gm)].map(([, name]) => name)
    // Frames of compiled JavaScript and WebAssembly have no names: several in a row are one.
    const shown = frames.filter((name, i) => !OF_SYSTEM.test(name) && (name !== '??' || frames[i - 1] !== '??'))
    const stack = shown.slice(0, MOST_FRAMES).join(' < ')
    counts.set(stack, (counts.get(stack) ?? 0) + 1)
  }
  return [...counts].map(([stack, count]) => `${count} x ${stack}`)
}
