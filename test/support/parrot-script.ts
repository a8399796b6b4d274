import type { ParrotFormat } from './parrot-formats.js'

/** An answer of a parrot, and what it answers. One without `to` and `toTool` is for all else. */
export interface ParrotAnswer {
  /** End of the user's message. */
  to?: string
  /** End of a tool's result; true for any result. */
  toTool?: string | true
  /**
   * All of the answer as the model writes it, with `<think>` and `<tool_call>`; the end is added. `callOf` writes calls.
   */
  says: string
}

/** A call in the form of Qwen and Granite 4, with the blanks that the grammar of tools wants. */
export function callOf(name: string, args: object): string {
  const json = JSON.stringify({ name, arguments: args }).replace(/":/g, '": ').replace(/,"/g, ', "')
  return `<tool_call>\n${json}\n</tool_call>`
}

/** A script in tokens. */
export interface Chain {
  /** Tokens of the prompt's last part, after which the script begins. */
  begins: { content: string; from: number }[]
  /** Tokens of the script, with the index of the stretch between shared tokens that each is in. */
  tokens: { content: string; stretch: number; isShared: boolean }[]
}

const THINK = '<think>\n'

/**
 * Splits scripts into tokens that decide the next one. Each piece of ordinary text is a token that no other place of
 * the scripts has. Tokens with fixed texts, such as `<think>`, are shared; what follows them depends on the stretch
 * before them.
 */
export function splitScripts(answers: readonly ParrotAnswer[], format: ParrotFormat): Chain[] {
  const scripts = answers.map((answer) => segmentsOf(withEnd(answer.says, format), format))
  const fixed = new Set([...format.special, ...format.plain, '\n', '\n\n'])
  // A segment that several scripts have cannot tell them apart.
  const seen = new Set<string>()
  for (const segment of scripts.flat()) {
    if (seen.has(segment)) fixed.add(segment)
    seen.add(segment)
  }
  const used = new Set(fixed)
  return scripts.map((segments, i) => {
    const tokens: Chain['tokens'] = []
    let stretch = 0
    for (const segment of segments) {
      const isFixed = fixed.has(segment) || segment.length === 1
      const pieces = isFixed ? [] : uniquePieces(segment, used)
      if (pieces.length > 0) {
        if (tokens.at(-1)?.isShared) stretch++
        for (const content of pieces) tokens.push({ content, stretch, isShared: false })
      } else {
        tokens.push({ content: segment, stretch, isShared: true })
      }
    }
    return { tokens, begins: beginsOf(answers[i], format, tokens) }
  })
}

/** A script without the part that the prompt has, and with an end. */
function withEnd(text: string, { opener, ends }: ParrotFormat): string {
  const rest = opener.endsWith(THINK) && text.startsWith(THINK) ? text.slice(THINK.length) : text
  return ends.some((end) => rest.endsWith(end)) ? rest : rest + ends[0]
}

/** Fixed tokens and the texts between them; line ends around thoughts are segments, too. */
function segmentsOf(text: string, { special, plain }: ParrotFormat): string[] {
  const escaped = [...special, ...plain].map((token) => token.replaceAll(/[|\\{}()[\]^$+*?.]/g, '\\$&'))
  const fixed = new RegExp(
    `((?<=<think>|<\\|channel>thought)\\n|(?<=</think>|<channel\\|>)\\n\\n|${escaped.join('|')})`,
  )
  return text.split(fixed).filter((segment) => segment !== '')
}

/** Words of a segment, joined with the next ones until no other token has the same text. None if there is no way. */
function uniquePieces(segment: string, used: Set<string>): string[] {
  const words = segment.match(/\s*\S+\s*$|\s*\S+/g) ?? [segment]
  const isNew = (text: string) => text.length > 1 && !used.has(text)
  const pieces: string[] = []
  let open = ''
  for (const word of words) {
    open += word
    if (!isNew(open) || pieces.includes(open)) continue
    pieces.push(open)
    open = ''
  }
  while (open !== '') {
    const last = pieces.pop()
    if (last === undefined) return []
    open = last + open
    if (isNew(open)) {
      pieces.push(open)
      open = ''
    }
  }
  for (const piece of pieces) used.add(piece)
  return pieces
}

/** Last parts of the prompts that a script answers: with its first token, or with the one after the thoughts. */
function beginsOf({ to = '', toTool }: ParrotAnswer, format: ParrotFormat, tokens: Chain['tokens']): Chain['begins'] {
  const { opener, openerWithoutThoughts, toolOpener = opener, thoughtsEnd, toolEnd, toolText } = format
  const { userEnd, userEndWithoutThoughts = userEnd } = format
  if (toTool === true && toolEnd === userEnd) throw new Error("a result ends as a user's message: give its text")
  const result = toTool === true ? toolEnd.trimStart() : toTool !== undefined ? toolText(toTool) + toolEnd : undefined
  const begins = [{ content: result === undefined ? to + userEnd + opener : result + toolOpener, from: 0 }]
  if (openerWithoutThoughts === undefined) return begins
  const close = tokens.findIndex(({ content }) => content === thoughtsEnd)
  const from = tokens[close + 1]?.content === '\n\n' ? close + 2 : close + 1
  const before = result === undefined ? to + userEndWithoutThoughts : result
  const without = result === undefined ? openerWithoutThoughts : openerWithoutThoughts.replace(opener, toolOpener)
  return [...begins, { content: before + without, from }]
}
