import { readFileSync, statSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { LoadOptions } from '../../api/model.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import { parseJson } from '../../ground/json/json.js'
import type { ExpertsPerToken } from '../../model/config/experts-per-token.js'

export function addExpertsPerToken(command: Command): Command {
  return command.addOption(
    new Option(
      '--experts-per-token <n>',
      'experts that a token uses: N, ATTENTION,MLP, a file of numbers by layer, or trained (default: the model’s own)',
    ).argParser(parseExpertsPerToken),
  )
}

/** Maximum bytes of a file of numbers, a few for each layer. */
const MOST_BYTES = 2 ** 20

/** Parses `2`, `1,3`, the name of a JSON file, or `trained`: the number in config.json. */
export function parseExpertsPerToken(text: string): LoadOptions['expertsPerToken'] {
  const [, first, second] = /^(\d{1,9})(?:,(\d{1,9}))?$/.exec(text) ?? []
  if (second !== undefined) return { attention: Number(first), mlp: Number(second) }
  if (first !== undefined) return Number(first)
  if (text === 'trained') return text
  const path = expandHome(text)
  return parseJson(readFile(path, text), path) as ExpertsPerToken
}

function readFile(path: string, typed: string): Uint8Array {
  const info = statSync(path, { throwIfNoEntry: false })
  if (info === undefined) {
    if (/[./\\]/.test(typed)) throw new UserError(`${path}: no such file`)
    throw new UsageError(`--experts-per-token must be a number, two like 1,3, a file or trained, not '${typed}'`)
  }
  if (!info.isFile() || info.size > MOST_BYTES) {
    throw new UserError(`${path}: not a JSON file of numbers of experts, which has a few for each layer`)
  }
  return readFileSync(path)
}
