import { UsageError, UserError } from '../../../ground/errors.js'
import { formatCount, plural } from '../../../ground/numbers.js'
import { pathOf, readTextFile } from '../../input/files.js'
import type { Chat } from '../chat-state.js'

/** Puts the text of a file before the next message, and asks a question that follows its name. */
export async function readFile(chat: Chat, argument: string): Promise<void> {
  const { pending } = chat.answers
  if (argument === '') return chat.say('note', `${waiting(chat)}; /read FILE adds one`)
  if (argument === 'off') {
    pending.texts = []
    return chat.say('note', waiting(chat))
  }
  const { file, question } = splitArgument(argument)
  await chat.work(async () => {
    const path = pathOf(file)
    const text = await readTextFile(path)
    if (text.trim() === '') throw new UserError(`${path}: the file is empty`)
    const tokens = (await chat.model.tokenizer.encodeAsync(text, { addSpecialTokens: false })).length
    const { maxPositions = Infinity } = chat.model.config
    if (tokens >= maxPositions) {
      throw new UserError(
        `${path}: ${formatCount(tokens)} tokens, and the context of ${chat.model.name} has ${maxPositions}`,
      )
    }
    pending.texts.push(text)
    const before = question === '' ? 'goes before your next message; /read off drops it' : 'goes before your question'
    chat.say('note', `${path}, ${plural(tokens, 'token')}, ${before}`)
  })
  if (question !== '') await chat.answers.ask(question)
}

function waiting({ answers: { pending } }: Chat): string {
  const { texts } = pending
  if (texts.length === 0) return 'no file goes before your next message'
  const files = texts.length === 1 ? '1 file goes' : `${texts.length} files go`
  return `${files} before your next message, ${plural(texts.join('').length, 'character')}`
}

/** Splits `FILE [question]`; a name with blanks is in quotes, or has a backslash before each blank. */
export function splitArgument(argument: string): { file: string; question: string } {
  const [, file = argument, question = ''] =
    /^("[^"]*"|'[^']*'|(?:\\.|[^\s\\])+)(?:\s+([\s\S]*))?$/.exec(argument) ?? []
  if (file === '') throw new UsageError('name a file: /read notes.txt')
  return { file, question }
}
