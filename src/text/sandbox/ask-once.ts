import { readFileSync } from 'node:fs'
import { LimitedProcess, type OneQuestion } from './limited-process.js'

// Asks a limited process while the caller sleeps: reads the question from standard input, writes the answer to standard
// output.
const { script, opening, mebibytes, openingMs, request, milliseconds }: OneQuestion = JSON.parse(
  readFileSync(0, 'utf8'),
)
const limited = new LimitedProcess(new URL(script), opening, mebibytes, openingMs)
const answer = await limited.answerTo(request, { milliseconds })
process.stdout.write(JSON.stringify(answer), () => process.exit())
