import { existsSync } from 'node:fs'
import { win32 } from 'node:path'

/** A command as `spawn` takes it. */
export interface Spawned {
  command: string
  args: string[]
  windowsVerbatimArguments?: boolean
}

/**
 * Makes a command run on Windows. Programs such as npx are batch files there, which only cmd.exe runs: it gets them with
 * all of its special characters escaped.
 */
export function windowsCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  exists: (path: string) => boolean = existsSync,
): Spawned {
  const path = findProgram(command, env, exists) ?? command
  if (!/\.(cmd|bat)$/i.test(path)) return { command: path, args: [...args] }
  // Programs that npm installs pass their arguments to cmd.exe a second time.
  const isPassedOn = /node_modules[\\/]\.bin[\\/][^\\/]+\.cmd$/i.test(path)
  const words = args.map((arg) => (isPassedOn ? escaped(escaped(quoted(arg))) : escaped(quoted(arg))))
  const line = [escaped(path), ...words].join(' ')
  const shell = variable(env, 'COMSPEC') ?? 'cmd.exe'
  return { command: shell, args: ['/d', '/s', '/c', `"${line}"`], windowsVerbatimArguments: true }
}

/** Path of a program, found as cmd.exe does: in the folders of PATH, with the extensions of PATHEXT. */
function findProgram(command: string, env: NodeJS.ProcessEnv, exists: (path: string) => boolean): string | undefined {
  const extensions = (variable(env, 'PATHEXT') ?? '.COM;.EXE;.BAT;.CMD').split(';')
  const endings = win32.extname(command) === '' ? extensions : ['', ...extensions]
  const isPath = /[\\/]/.test(command)
  const folders = isPath ? [''] : (variable(env, 'PATH') ?? '').split(';').filter((folder) => folder !== '')
  const paths = folders.flatMap((folder) => endings.map((ending) => win32.join(folder, command + ending)))
  return paths.find((path) => exists(path))
}

/** Value of a variable, whose name has no case on Windows. */
function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return Object.entries(env).find(([key]) => key.toUpperCase() === name)?.[1]
}

/** An argument in quotes, as programs of Windows parse it: backslashes double before a quote. */
function quoted(arg: string): string {
  return `"${arg.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1')}"`
}

/** Escapes the characters that cmd.exe acts on. */
function escaped(text: string): string {
  return text.replace(/[()\][%!^"`<>&|;, *?]/g, '^$&')
}
