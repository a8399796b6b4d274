// Converts the data sets' own files into tasks for `molm eval --task`, with the prompts of lm-evaluation-harness:
// node to-task.mjs hellaswag hellaswag_val.jsonl             > hellaswag.jsonl
// node to-task.mjs piqa valid.jsonl valid-labels.lst         > piqa.jsonl
// node to-task.mjs arc ARC-Easy-Test.jsonl                   > arc-easy.jsonl      (ARC-Challenge-Test.jsonl likewise)
// node to-task.mjs openbookqa test.jsonl                     > openbookqa.jsonl
import { readFileSync } from 'node:fs'

const [, , name, file, labelFile] = process.argv
const linesOf = (path) => readFileSync(path, 'utf8').trim().split('\n')
const labels = labelFile ? linesOf(labelFile) : []

// Removes WikiHow's marks, as the harness does.
const clean = (text) =>
  text
    .trim()
    .replaceAll(' [title]', '. ')
    .replace(/\[.*?\]/g, '')
    .replaceAll('  ', ' ')
const capitalised = (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()
const rightOne = ({ question, answerKey }) => question.choices.findIndex(({ label }) => label === answerKey.trimStart())
const textsOf = ({ question }) => question.choices.map(({ text }) => text)

const convert = {
  hellaswag: (row) => ({
    context: clean(`${row.activity_label}: ${row.ctx_a} ${capitalised(row.ctx_b)}`),
    choices: row.endings.map(clean),
    answer: Number(row.label),
  }),
  piqa: (row, i) => ({
    context: `Question: ${row.goal}\nAnswer:`,
    choices: [row.sol1, row.sol2],
    answer: Number(labels[i]),
  }),
  arc: (row) => ({
    context: `Question: ${row.question.stem}\nAnswer:`,
    choices: textsOf(row),
    answer: rightOne(row),
  }),
  openbookqa: (row) => ({ context: row.question.stem, choices: textsOf(row), answer: rightOne(row) }),
}[name]

for (const [i, line] of linesOf(file).entries()) console.log(JSON.stringify(convert(JSON.parse(line), i)))
