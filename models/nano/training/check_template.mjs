// usage: node check_template.mjs MODEL < conversations.json   that the chat template writes what conversation.py trained on
// conversations.json: a list of { messages, tools, text } from check_template.py
import fs from 'node:fs'
import { loadChatTemplate } from '#molm/text/chat-template.js'

const template = await loadChatTemplate(process.argv[2])
let wrong = 0
const all = JSON.parse(fs.readFileSync(0, 'utf8'))
for (const { messages, tools, text } of all) {
  const rendered = await template.render(messages, { args: tools ? { tools } : {} })
  if (rendered === text) continue
  wrong += 1
  if (wrong < 4) console.log(JSON.stringify(rendered), '\n', JSON.stringify(text))
}
console.log(`${all.length - wrong} of ${all.length} conversations are written as they were in training`)
process.exitCode = wrong === 0 ? 0 : 1
