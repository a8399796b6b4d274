/** A command of a transcript, and what it has printed. */
export interface Entry {
  /** Lines before the command that explain it. */
  comment: string
  /** May have several lines, as a shell's text up to an end word. */
  command: string
  printed: string
}

/*
 * A transcript is lines of `$` and a command, `>` and the command's next line, `#` and a comment, and what the command has
 * printed: two blanks and a line of stdout, `!` and one of stderr, and an exit code that is not 0 in brackets.
 */

const [COMMENT, COMMAND, CONTINUED] = ['# ', '$ ', '> ']

export function readTranscript(text: string): Entry[] {
  const entries: Entry[] = []
  let comment = ''
  for (const line of text.trimEnd().split('\n')) {
    const last = entries.at(-1)
    if (line.startsWith(COMMENT)) comment += `${line}\n`
    else if (line.startsWith(COMMAND)) {
      entries.push({ comment, command: line.slice(COMMAND.length), printed: '' })
      comment = ''
    } else if (last && line.startsWith(CONTINUED)) last.command += `\n${line.slice(CONTINUED.length)}`
    else if (last && line !== '') last.printed += `${line}\n`
  }
  return entries
}

export function writtenTranscript(entries: readonly Entry[]): string {
  const written = entries.map(({ comment, command, printed }) => {
    return `${comment}${COMMAND}${command.replaceAll('\n', `\n${CONTINUED}`)}\n${printed}`
  })
  return written.join('\n')
}

/** The outputs of a command as a transcript has them. */
export function printedOf({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): string {
  const exit = code === 0 ? '' : `[${code}]\n`
  return lines('  ', stdout) + lines('! ', stderr) + exit
}

/** The lines of a text behind a mark. A last line that does not end gets a sign. */
function lines(mark: string, text: string): string {
  if (text === '') return ''
  const whole = text.endsWith('\n') ? text.slice(0, -1) : `${text}⏎`
  return whole.replace(/^/gm, mark).concat('\n')
}
