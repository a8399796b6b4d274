import { readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { repositoryPath } from '../support/fixtures.js'

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, which the schemas check.
export type KubernetesObject = any

/** The objects of a file in examples/cluster. */
export async function objectsOf(name: string): Promise<KubernetesObject[]> {
  const text = await readFile(repositoryPath(`examples/cluster/${name}.yaml`), 'utf8')
  return parseAllDocuments(text).map((document) => {
    assert.equal(document.errors, [])
    return document.toJS()
  })
}

/** The only object of a kind in a file. */
export async function object(name: string, kind: string): Promise<KubernetesObject> {
  const found = (await objectsOf(name)).filter((one) => one.kind === kind)
  assert.is(found.length, 1, `${kind} in ${name}`)
  return found[0]
}
