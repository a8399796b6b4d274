import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

const FOLDER = repositoryPath('scripts')

test('all that the scripts import from the compiled code exists', async () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'))
  assert.ok(names.length > 10)
  for (const name of names) {
    const text = readFileSync(`${FOLDER}/${name}`, 'utf8')
    for (const [, list, path] of text.matchAll(/^import \{([^}]+)\} from '\.\.\/(dist\/[^']+)'/gm)) {
      const module = await import(repositoryPath(path))
      for (const imported of list.split(',').map((part) => part.trim().split(' as ')[0]))
        if (imported) assert.ok(imported in module, `${name}: ${path} has no ${imported}`)
    }
  }
})

test.run()
