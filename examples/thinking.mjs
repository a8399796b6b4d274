// Thoughts and answer apart: the thoughts go to stderr, of at most 200 tokens, and the answer to stdout:
//   node examples/thinking.mjs nano 'What is 12 + 30 - 5?' 2> thoughts.txt
import { eventsOf, loadModel } from 'molm'

const [name = 'nano', question = 'What is 12 + 30 - 5?'] = process.argv.slice(2)

const model = await loadModel(name)
const session = model.createSession()
const options = { think: 'on', thinkBudget: 200, temperature: 0, onWarning: (warning) => console.error(warning) }
let thoughts = 0
for await (const { step, result } of eventsOf(session.chat([{ role: 'user', content: question }], options))) {
  if (step?.kind === 'thinking') {
    thoughts++
    process.stderr.write(step.text)
  }
  if (step?.kind === 'content') process.stdout.write(step.text)
  if (result) console.error(`\n${thoughts} of ${result.tokens.length} tokens were thoughts`)
}
console.log()
await model.dispose()
