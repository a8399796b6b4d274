import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/index.js'
import { isNear } from '../../support/compare.js'
import { floatsOf, readExpected } from '../../support/expected.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { LOGITS } from '../../support/tolerances.js'

const CLASSIFIER = '13-classifier-safetensors-f32'

const test = suite('checkpoints of ModuleFormer')

test('sessions give the logits and the greedy text of the original code', () =>
  withModel(fixturePath('02-base-safetensors-f32'), { quant: 'f32', threads: 2 }, async (model) => {
    const { prompts, lastLogits, greedy } = readExpected('02-base-safetensors-f32')
    for (const [name, tokens] of Object.entries(prompts)) {
      const session = model.createSession()
      const half = tokens.length >> 1
      if (half > 0) await session.forward(tokens.slice(0, half))
      const { logits } = await session.forward(tokens.slice(half))
      assert.is(session.length, tokens.length)
      isNear(logits, lastLogits[name], LOGITS, `${name} in two pieces: logits`)
      session.dispose()
    }
    const options = { maxTokens: greedy.p7.length, temperature: 0, ignoreEos: true, stop: [] }
    const found: number[] = []
    for await (const { token } of model.createSession().generate(prompts.p7, options)) found.push(token)
    assert.equal(found, greedy.p7)
  }))

test.run()

const classifier = suite(CLASSIFIER)
const scores = JSON.parse(readFileSync(fixturePath(`${CLASSIFIER}/expected.json`), 'utf8'))

classifier('scores of every prompt', () =>
  withModel(fixturePath(CLASSIFIER), { quant: 'f32', threads: 1 }, async (model) => {
    const { id2label } = JSON.parse(readFileSync(fixturePath(`${CLASSIFIER}/config.json`), 'utf8'))
    for (const [name, tokens] of Object.entries<number[]>(scores.prompts)) {
      const stored = scores.class_logits[name]
      const { labels, logits } = await model.classify(tokens)
      assert.equal(labels, Object.values(id2label))
      isNear(logits, Array.isArray(stored) ? stored : floatsOf(stored), LOGITS, name)
    }
  }),
)

classifier('the number of ids that are no padding is the number of the token that is scored', () =>
  inTemporaryFolder(async (dir) => {
    const source = fixturePath(CLASSIFIER)
    for (const name of ['model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
      await copyFile(`${source}/${name}`, `${dir}/${name}`)
    }
    const config = JSON.parse(readFileSync(`${source}/config.json`, 'utf8'))
    const prompts = Object.entries<number[]>(scores.prompts)
    const used = new Set(prompts.flatMap(([, tokens]) => tokens))
    const pad = Array.from({ length: config.vocab_size }, (_, id) => id).find((id) => !used.has(id)) ?? -1
    await writeFile(`${dir}/config.json`, JSON.stringify({ ...config, pad_token_id: pad }))
    await withModel(source, { quant: 'f32', threads: 1 }, (unpadded) =>
      withModel(dir, { quant: 'f32', threads: 1 }, async (padded) => {
        for (const [name, tokens] of prompts) {
          const stored = scores.class_logits[name]
          const { logits } = await padded.classify([...tokens, pad, pad])
          isNear(logits, Array.isArray(stored) ? stored : floatsOf(stored), LOGITS, name)
        }
        const scoresOf = async (model: Model, tokens: number[]) => [...(await model.classify(tokens)).logits]
        for (const [tokens, scored] of [
          [
            [5, 9, 2, 4],
            [5, 9, 2, 4],
          ],
          // IBM's code counts padding tokens, wherever they are.
          [
            [pad, pad, 5, 9, 2, 4],
            [pad, pad, 5, 9],
          ],
          [
            [5, pad, 9, 2],
            [5, pad, 9],
          ],
          [
            [pad, pad, pad],
            [pad, pad, pad],
          ],
        ]) {
          assert.equal(await scoresOf(padded, tokens), await scoresOf(unpadded, scored), `${tokens}`)
        }
        assert.not.equal(await scoresOf(unpadded, [5, 9, 2, pad]), await scoresOf(unpadded, [5, 9, 2]))
        await rejectsWithUserError(() => padded.classify([1.5]), /not a whole number/)
        await rejectsWithUserError(() => padded.classify([7, 320]), /outside the model's vocabulary of 320/)
      }),
    )
  }),
)

classifier('a language model does not classify, and says so', () =>
  withModel(fixturePath('05-linear-silu-safetensors-f32'), { threads: 1 }, async (model) => {
    const thrown = await thrownBy(model.classify([1]))
    assert.match(String(thrown), /language model, not a sequence classifier/)
  }),
)

classifier.run()
