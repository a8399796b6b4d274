import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

const SCRIPTS = ['bench', 'scripts'].flatMap((folder) =>
  readdirSync(repositoryPath(folder))
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => `${folder}/${name}`),
)

test('the compiled code has what the scripts import from it', async () => {
  assert.ok(SCRIPTS.length > 15)
  let imports = 0
  for (const script of SCRIPTS) {
    const text = readFileSync(repositoryPath(script), 'utf8')
    for (const [, list, path] of text.matchAll(/^import \{([^}]+)\} from '\.\.\/((?:dist|build)\/[^']+)'/gm)) {
      const module = await import(repositoryPath(path))
      for (const imported of list.split(',').map((part) => part.trim().split(' as ')[0])) {
        if (!imported) continue
        assert.ok(imported in module, `${script}: ${path} has no ${imported}`)
        imports++
      }
    }
  }
  assert.ok(imports > 20, `${imports} imports`)
})

test('bench/README.md has a line for each script', () => {
  const text = readFileSync(repositoryPath('bench/README.md'), 'utf8')
  for (const script of SCRIPTS.filter((name) => name.startsWith('bench/'))) {
    const name = script.slice('bench/'.length)
    assert.ok(text.includes(`\`${name}\``), `${name} is missing`)
  }
})

test.run()
