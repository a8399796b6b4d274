// usage: node heldout.mjs MODEL QUANT [OUT.json] [PATTERN] [FOLDER]
// Asks MODEL the held-out questions of FOLDER (default heldout) through molm's library, greedily, and prints a table by skill.
// OUT.json receives the rows and every answer; PATTERN is a regular expression for the names of skills.
import fs from 'node:fs'
import { loadModel, resultOf } from 'molm'
import { judge } from './heldout-judge.mjs'

const [dir, quant, out, pattern = '.', from = 'heldout'] = process.argv.slice(2)
const folder = new URL(`${from}/`, import.meta.url)
const read = (name) => fs.readFileSync(new URL(name, folder), 'utf8')
const toolsets = JSON.parse(read('toolsets.json'))
const filling = JSON.parse(read('../heldout/fill.json'))
const questions = fs
  .readdirSync(folder)
  .filter((name) => name.endsWith('.jsonl'))
  .sort()
  .flatMap((name) => read(name).trim().split('\n').map((line) => JSON.parse(line)))
  .filter(({ skill }) => new RegExp(pattern).test(skill))

/** Earlier turns of about so many tokens. */
function fillOf(tokens) {
  const turns = []
  let length = 0
  for (let i = 0; length < tokens * 3.2; i++) {
    const [question, answer] = filling[i % filling.length]
    turns.push({ role: 'user', content: question }, { role: 'assistant', content: answer })
    length += question.length + answer.length + 20
  }
  return turns
}

function messagesOf({ ask, messages = [['user', ask]], fill = 0, system }) {
  const id = (i) => `call${i}`
  const all = system ? [['system', system], ...messages] : messages
  return all.flatMap(([role, content, args], i) => {
    if (role === 'fill') return fillOf(fill)
    if (role === 'call') {
      return [{ role: 'assistant', content: '', toolCalls: [{ id: id(i), name: content, arguments: args }] }]
    }
    if (role === 'tool') return [{ role: 'tool', toolCallId: id(i - 1), content }]
    return [{ role, content }]
  })
}

const model = await loadModel(dir, { quant, threads: 1 })
const session = model.createSession()
const results = []

async function put(question, skill, think) {
  session.reset()
  const { tools, schema, budget } = question
  const options = { temperature: 0, maxTokens: 320, schema, thinkBudget: budget, tools: toolsets[tools] }
  if (think !== undefined) options.think = think ? 'on' : 'off'
  const answered = resultOf(session.chat(messagesOf(question), options))
  const { message, error } = await answered.catch((error) => ({ error: error.message }))
  const { content = '', thinking, toolCalls: calls = [] } = message ?? {}
  const answer = { content, thinking, calls: calls.map((call) => [call.name, call.arguments]), error }
  results.push({ skill, question, answer, ...judge(question, answer) })
}

for (const question of questions) {
  const { skill } = question
  if (question.number !== undefined) {
    await put(question, skill, true)
    await put(question, 'thinking: the same without thoughts', false)
  } else await put(question, skill, question.think)
}
await model.dispose()

const rows = new Map()
const count = (skill, isRight) => {
  const [right, all] = rows.get(skill) ?? [0, 0]
  rows.set(skill, [right + (isRight ? 1 : 0), all + 1])
}
for (const { skill, isRight, more } of results) {
  count(skill, isRight)
  for (const [name, value] of Object.entries(more)) count(name, value)
}
const table = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
console.log(`| skill | ${quant} | |\n| --- | --- | --- |`)
for (const [skill, [right, all]] of table) console.log(`| ${skill} | ${right}/${all} | ${Math.round((100 * right) / all)} % |`)
if (out) fs.writeFileSync(out, JSON.stringify({ quant, table: Object.fromEntries(table), results }, null, 1))
