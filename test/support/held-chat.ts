import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type PseudoTerminal, withTerminal } from './pseudo-terminal.js'
import { inTemporaryFolder } from './temporary-folder.js'

/** Holds the program before its own code is read: the terminal is in line mode. */
export const STARTING = 'await opened()'

/** Holds the reading of a model's files: the terminal is in raw mode. */
export const LOADING = `
  for (const name of ['open', 'readFile', 'stat']) {
    const real = promises[name]
    promises[name] = async (path, ...rest) => {
      if (/models.nano|nope/.test(path)) await opened()
      return real(path, ...rest)
    }
  }
  syncBuiltinESMExports()`

/** Holds the program at its start, and at its first look at a model's files when `open` has been called. */
export const STARTING_AND_LOADING = `${STARTING}\n isOpen = undefined\n${LOADING}`

export interface Held {
  terminal: PseudoTerminal
  /** Lets the program continue. With another place to hold it, resolves once it is there. */
  open(next?: 'next'): Promise<void>
}

/** A chat that waits until `open` is called. */
export async function held(where: string, use: (held: Held) => Promise<void>, args: string[] = []): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const at = (place: string) => join(folder, place)
    // All looks at files count as one place.
    const hold = `import { existsSync, promises, writeFileSync } from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      let place = 0
      let isOpen
      const opened = () => (isOpen ??= reached(String(place++)))
      const reached = async (name) => {
        writeFileSync(${JSON.stringify(at('wanted'))} + name, '')
        while (!existsSync(${JSON.stringify(at('open'))} + name)) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      ${where}`
    const preload = `data:text/javascript,${encodeURIComponent(hold).replaceAll("'", '%27')}`
    const command = ['--import', preload, 'bin/molm.js', 'chat', '--temperature', '0', '-t', '1', ...args]
    await withTerminal({ args: command, hasJobs: true }, async (terminal) => {
      const reaches = (place: number) =>
        terminal.waitUntil(() => existsSync(at(`wanted${place}`)), 'the place to hold it back')
      let place = 0
      await reaches(place)
      const open = async (next?: 'next') => {
        await writeFile(at(`open${place++}`), '')
        if (next) await reaches(place)
      }
      await use({ terminal, open })
    })
  })
}

/** The terminal's settings, as `stty -a` prints them. */
export const settingsOf = ({ shell }: PseudoTerminal) =>
  spawnSync('stty', ['-a', '-F', `/proc/${shell}/fd/0`]).stdout.toString()

export const isRestored = (text: string) => assert.match(text, /(^|\s)icanon\s[\s\S]*(^|\s)echo\s/)
