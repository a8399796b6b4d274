import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import { ablateExperts } from '#molm/lab/ablation/ablate.js'
import { partsOf } from '#molm/lab/ablation/text-parts.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const TEXT = 'The lantern is lit. The old man and the sea. User: What is a ship?\n'.repeat(5)
/** Few experts, to be quick. */
const SOME = { only: 'attention', layers: [2] } as const

const tokensOf = (model: Model) => model.tokenizer.encode(TEXT, { addSpecialTokens: false })

test('an interrupted ablation resumes with the same result, and measures nothing twice', () =>
  inTemporaryFolder((dir) =>
    withModel('nano', { threads: 2 }, async (model) => {
      const texts = [{ name: 'text', text: TEXT }]
      const journal = join(dir, 'journal')
      const { model: _, ...expected } = await ablateExperts(model, texts, SOME)
      const abort = new AbortController()
      let measures = 0
      const interrupted = ablateExperts(model, texts, {
        ...SOME,
        journal,
        onProgress: () => ++measures === 11 && abort.abort(new Error('stop')),
        signal: abort.signal,
      })
      assert.is(String(await thrownBy(interrupted)), 'Error: stop')
      const before = await readFile(journal, 'utf8')
      // A kill cuts off the last line.
      await writeFile(journal, before.slice(0, -5))
      const batches = (await model.stats()).tokensProcessed
      const { model: __, ...resumed } = await ablateExperts(model, texts, { ...SOME, journal })
      const ran = (await model.stats()).tokensProcessed - batches
      assert.equal(resumed, expected)
      const again = (await model.stats()).tokensProcessed
      await ablateExperts(model, texts, { ...SOME, journal })
      const read = (await model.stats()).tokensProcessed - again
      assert.ok(ran > read, 'the rest is measured')
      assert.is(read, tokensOf(model).length - partsOf([tokensOf(model)]).length, 'only the whole model reads the text')
      const other = [{ name: 'text', text: `${TEXT}!` }]
      await rejectsWithUserError(
        () => ablateExperts(model, other, { ...SOME, journal }),
        /of another model, of other texts or options/,
      )
      const withOthers = () => ablateExperts(model, texts, { ...SOME, journal })
      await model.setExpertsPerToken({ mlp: 3 })
      await rejectsWithUserError(withOthers, /or with other experts; remove the file/)
      await model.setExpertsPerToken()
      // No token of the text chooses this expert.
      await model.maskExperts({ mlp: [[0]], gates: 'all' })
      await rejectsWithUserError(withOthers, /or with other experts; remove the file/)
      await model.maskExperts()
      const { model: ___, ...last } = await withOthers()
      assert.equal(last, expected)
    }),
  ))

test.run()
