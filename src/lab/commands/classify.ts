import type { Command } from 'commander'
import { interruptSignal } from '../../cli/io/interrupt.js'
import { writeJson, writeOut } from '../../cli/io/output.js'
import { readPipedText, withoutStdin } from '../../cli/io/stdin.js'
import { addModelOptions, addOutputOptions, FIRST, type ModelOptions } from '../../cli/parsing/options.js'
import { withModel } from '../../cli/setup/with-model.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { alignColumns } from '../../ground/output/table.js'
import { printable } from '../../ground/printable.js'
import type { Model } from '../../index.js'
import { classProbabilities } from '../evaluation/probabilities.js'

interface ClassifyOptions extends ModelOptions {
  json?: boolean
}

/** A text with its labels, most likely first. */
interface Classified {
  text: string
  scores: { label: string; probability: number; logit: number }[]
}

export function define(command: Command): void {
  addModelOptions(command)
    .optionsGroup(FIRST)
    .description(
      'Labels a text, or each line of stdin, with a classifier. Prints all labels of a text with their ' +
        `probabilities, or the most likely label of each line.\n${EXAMPLES}`,
    )
    .argument('[text...]')
    .option('--json', 'print one object with all labels of all texts')
    .addHelpText('after', NOTES)
    .action(classify)
  addOutputOptions(command)
}

const NOTES = `
A classifier is a checkpoint of ModuleFormerForSequenceClassification.

Results:
  lines    label, probability and text, tab-separated; empty lines are skipped
  --json   { model, texts: [ { text, label, scores } ] }, and scores is
           [ { label, probability, logit } ], most likely first`

const EXAMPLES = `
Examples:
  molm classify -m ./my-classifier "What a fine day."
  molm classify -m ./my-classifier < reviews.txt | cut -f 1 | sort | uniq -c`

async function classify(given: string[], options: ClassifyOptions): Promise<void> {
  const { words, asked } = withoutStdin(given)
  const isOne = words.length > 0
  const piped = isOne ? undefined : await readPipedText({ quiet: options.quiet, asked, signal: interruptSignal() })
  const lines = isOne ? [words.join(' ')] : (piped ?? '').split(/\r?\n/)
  const texts = lines.filter((line) => line.trim() !== '')
  if (texts.length === 0) {
    throw new UsageError('there is no text to classify; write it after the command or pipe lines into stdin')
  }
  await withModel(options, async ({ model }) => {
    if (model.config.architecture !== 'classifier') {
      throw new UserError(
        `${model.name} is a language model, not a classifier (ModuleFormerForSequenceClassification); choose one with -m`,
      )
    }
    const done: Classified[] = []
    for (const text of texts) {
      interruptSignal().throwIfAborted()
      const classified = await classifyText(model, text)
      if (options.json) done.push(classified)
      else await writeOut(isOne ? asTable(classified) : asLine(classified))
    }
    if (options.json) await writeJson({ model: model.name, texts: done.map(asJson) })
  })
}

async function classifyText(model: Model, text: string): Promise<Classified> {
  const { labels, logits } = await model.classify(
    await model.tokenizer.encodeAsync(text, { signal: interruptSignal() }),
  )
  const probabilities = classProbabilities(logits, model.config)
  const scores = labels.map((label, i) => ({ label, probability: probabilities[i], logit: logits[i] }))
  return { text, scores: scores.sort((a, b) => b.logit - a.logit) }
}

function asJson({ text, scores }: Classified) {
  return { text, label: scores[0].label, scores }
}

function asTable({ scores }: Classified): string {
  return alignColumns(
    scores.map(({ label, probability }) => [label, probability.toFixed(4)]),
    [1],
  )
}

function asLine({ text, scores: [best] }: Classified): string {
  return `${printable(best.label)}\t${best.probability.toFixed(4)}\t${text}\n`
}
