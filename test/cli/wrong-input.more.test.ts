import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

test('a template or pattern that never ends is stopped and reported in a line', async () => {
  await inTemporaryFolder(async (dir) => {
    const nano = fileURLToPath(new URL('../../../models/nano', import.meta.url))
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json'])
      await cp(join(nano, name), join(dir, name))
    const loop = '{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}'
    await writeFile(join(dir, 'chat_template.jinja'), loop)
    const ended = /chat_template\.jinja: the chat template does not take this conversation \(ended, since it took more/
    assertRefused(await molm(['-m', dir, 'hi']), 1, ended)
  })
})

test.run()
