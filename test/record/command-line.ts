/** A command line without pipes, lists and patterns. */
export interface CommandLine {
  env: Record<string, string>
  words: string[]
  /** Files that replace stdin and stdout. */
  from?: string
  to?: string
}

/** A piece of a command line: blanks, text in quotes of both kinds, the sign of a file, or plain text. */
const PIECE = /(\s+)|'([^']*)'|"((?:[^"\\`]|\\.)*)"|([<>])|((?:[^\s'"\\<>|;&`()*#]|\\.)+)/y

/** Reads a line as a shell does, or returns undefined for one that only a shell can run. */
export function readCommandLine(line: string, variables: NodeJS.ProcessEnv): CommandLine | undefined {
  const filled = (text: string) =>
    text.replace(/\\(.)|\$(\w+)/g, (_, literal, name) => literal ?? variables[name] ?? '')
  const words: string[] = []
  let isOpen = false
  PIECE.lastIndex = 0
  while (PIECE.lastIndex < line.length) {
    const [, blank, single, double, sign, plain] = PIECE.exec(line) ?? []
    const text = single ?? (double === undefined ? undefined : filled(double)) ?? (plain && filled(plain))
    if (text !== undefined) {
      if (isOpen) words.push(`${words.pop()}${text}`)
      else words.push(text)
      isOpen = true
    } else if (blank !== undefined) isOpen = false
    else if (sign !== undefined && !isOpen) words.push(sign)
    else return undefined
  }
  return withFiles(words)
}

function withFiles(words: readonly string[]): CommandLine {
  const line: CommandLine = { env: {}, words: [] }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    const [, name, value] = /^([A-Z_]+)=(.*)$/s.exec(word) ?? []
    if (word === '<') line.from = words[++i]
    else if (word === '>') line.to = words[++i]
    else if (name !== undefined && line.words.length === 0) line.env[name] = value
    else line.words.push(word)
  }
  return line
}
