import { UsageError, UserError } from '../../../ground/errors.js'
import { formatCount, plural } from '../../../ground/numbers.js'
import { pathOf, readTextFile } from '../../input/files.js'
import { ask } from '../answers/ask.js'
import type { Chat } from '../chat-state.js'

/** Puts the text of a file before the next message, and asks a question that follows its name. */
export async function readFile(chat: Chat, argument: string): Promise<void> {
  const { model } = chat
  if (argument === '') return chat.say('note', `${waiting(chat)}; /read FILE adds one`)
  if (argument === 'off') {
    chat.pending = []
    return chat.say('note', waiting(chat))
  }
  const { file, question } = splitArgument(argument)
  await chat.work(async () => {
    const path = pathOf(file)
    const text = await readTextFile(path)
    if (text.trim() === '') throw new UserError(`${path}: the file is empty`)
    const tokens = (await model.tokenizer.encodeAsync(text, { addSpecialTokens: false })).length
    const { maxPositions = Infinity } = model.config
    if (tokens >= maxPositions) {
      const many = `${formatCount(tokens)} tokens`
      throw new UserError(`${path}: ${many}, and the context of ${model.name} has ${maxPositions}`)
    }
    chat.pending.push(text)
    const before = question === '' ? 'goes before your next message; /read off drops it' : 'goes before your question'
    chat.say('note', `${path}, ${plural(tokens, 'token')}, ${before}`)
  })
  if (question !== '') await ask(chat, question)
}

function waiting({ pending }: Chat): string {
  if (pending.length === 0) return 'no file goes before your next message'
  const files = pending.length === 1 ? '1 file goes' : `${pending.length} files go`
  return `${files} before your next message, ${plural(pending.join('').length, 'character')}`
}

/** Splits `FILE [question]`; a name with blanks is in quotes, or has a backslash before each blank. */
export function splitArgument(argument: string): { file: string; question: string } {
  const [, file = argument, question = ''] =
    /^("[^"]*"|'[^']*'|(?:\\.|[^\s\\])+)(?:\s+([\s\S]*))?$/.exec(argument) ?? []
  if (file === '') throw new UsageError('name a file: /read notes.txt')
  return { file, question }
}
