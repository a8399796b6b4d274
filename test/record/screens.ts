import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import type { ScreenCell } from '../support/terminal-screen.js'
import { useAtOnce } from './at-once.js'
import { SERVER, writeInputs } from './inputs.js'
import { normalisePrinted } from './printed.js'
import type { RecordOptions } from './record.js'
import { SITTINGS, type Sitting } from './screens/sittings.js'

/**
 * Milliseconds without output after the expected text. They are no wait for it: keys that answer a question sooner than
 * this after it appears are taken for text.
 */
const QUIET_MS = 400

/** Records what terminals show, a file for each screen. */
export async function recordScreens(options: RecordOptions): Promise<void> {
  const { molm, folder, work, jobs } = options
  await writeInputs(work)
  const editor = join(work, 'editor')
  await writeFile(editor, '#!/bin/sh\nprintf \'What is a ship?\\n\' > "$1"\n', { mode: 0o755 })
  await useAtOnce(Object.entries(SITTINGS), jobs, async ([name, sitting]) => {
    const cwd = join(work, 'runs', name)
    await mkdir(cwd, { recursive: true })
    await symlink(join(work, 'models'), join(cwd, 'models'))
    await cp(join(work, 'in', 'home'), join(cwd, 'home'), { recursive: true, preserveTimestamps: true })
    for (const [screen, text] of await screensOf(sitting, { other: `${name}-missing`, molm, cwd, editor })) {
      await writeFile(join(folder, 'screens', `${screen}.txt`), normalisePrinted(text, options))
    }
  })
}

interface Start {
  /** Name of a screen without the expected text, if that has none. */
  other: string
  molm: string
  cwd: string
  editor: string
}

/** Types the keys of a sitting. Returns its screens by their names; a text that does not come ends it. */
async function screensOf(sitting: Sitting, start: Start): Promise<[name: string, text: string][]> {
  const { size, env, steps } = sitting
  const { other, molm, cwd, editor } = start
  const [columns, rows] = size
  const args = sitting.args.split(' ').map((word) => (word === '$SERVER' ? SERVER : word))
  const terminal = await PseudoTerminal.start({
    // A shell without jobs would end with the program at Ctrl-C, and report no exit code.
    ...{ columns, rows, cwd, args: [molm, ...args], hasJobs: true },
    env: {
      ...{ HOME: join(cwd, 'user'), MOLM_HOME: join(cwd, 'home'), TZ: 'UTC', LANG: 'C.UTF-8', HF_HUB_OFFLINE: '1' },
      ...{ VISUAL: editor, EDITOR: editor, COLORFGBG: '', ...env },
    },
  })
  const screens: [string, string][] = []
  try {
    for (const [keys, shows, name] of steps) {
      terminal.type(keys)
      const { isMissing, end } = await reached(terminal, shows)
      const text = `$ molm ${sitting.args}   (${columns} x ${rows})\n\n${drawn(terminal.screen.lastCells)}${end}`
      if (name !== undefined || isMissing) screens.push([name ?? other, text])
      if (isMissing) break
    }
  } finally {
    await terminal.close()
  }
  return screens
}

/** Waits until a screen shows this and nothing more comes, or until the program ends. */
async function reached(terminal: PseudoTerminal, shows: RegExp | 'end'): Promise<{ isMissing: boolean; end: string }> {
  let [length, since] = [0, 0]
  const isQuietWith = (pattern: RegExp) => {
    const { output, screen } = terminal
    if (output.length !== length) [length, since] = [output.length, performance.now()]
    return performance.now() > since + QUIET_MS && pattern.test(textOf(screen.lastCells).join('\n'))
  }
  try {
    if (shows === 'end') return { isMissing: false, end: `\nexit code ${(await terminal.ended()).code}\n` }
    await terminal.waitUntil(() => isQuietWith(shows), String(shows))
    return { isMissing: false, end: '' }
  } catch {
    return { isMissing: true, end: `\n${shows} did not come\n` }
  }
}

function textOf(lines: readonly ScreenCell[][]): string[] {
  return lines.map((line) =>
    line
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  )
}

/** The text of a screen, and then each stretch that has a style, with the number of its line. */
function drawn(lines: readonly ScreenCell[][]): string {
  const styled = lines.flatMap((line, i) => {
    const stretches = stretchesOf(line).filter(({ style }) => style !== '')
    return stretches.map(({ style, text }) => `${i + 1} [${style}] ${text}`)
  })
  return [...textOf(lines), '', '--- styles', ...styled, ''].join('\n')
}

/** Neighbouring cells of the same style as one. */
function stretchesOf(line: readonly ScreenCell[]): ScreenCell[] {
  const stretches: ScreenCell[] = []
  for (const cell of line) {
    const last = stretches.at(-1)
    if (last?.style === cell.style) last.text += cell.text
    else stretches.push({ ...cell })
  }
  return stretches
}
