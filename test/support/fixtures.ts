import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parsePythonObject } from '#molm/ground/json/json.js'

/** Path of a reference checkpoint, or of a file inside one: `fixturePath('01-base-bin-f32/config.json')`. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url))
}

/** The config.json of a reference checkpoint. */
export function fixtureConfig(name: string): Record<string, unknown> {
  return parsePythonObject(readFileSync(fixturePath(`${name}/config.json`)), name)
}

/** Names of the reference checkpoints: every router, dtype and file form that IBM's code was run on. */
export const FIXTURES = [
  '01-base-bin-f32',
  '02-base-safetensors-f32',
  '03-topk4-safetensors-bf16-sharded',
  '04-bin-f16-sharded',
  '05-linear-silu-safetensors-f32',
  '11-molm-like-bin-bf16-sharded',
  '13-classifier-safetensors-f32',
]

/**
 * Checkpoints of all families other than ModuleFormer, with results of Hugging Face transformers. The list excludes
 * ModuleFormer rather than naming the others, so that it includes every new family.
 */
export const FAMILY_FIXTURES = readdirSync(fixturePath('')).filter(
  (name) => /^\d{2,3}-/.test(name) && !FIXTURES.includes(name),
)

/** Path of a file of this repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url))
}
