import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureUsage } from '#molm/index.js'
import { compareRouting, meanAgreement } from '#molm/lab/index.js'
import { drawAgreement, drawUsage, renderHtml, renderSvg, renderText } from '#molm/pictures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'

test('usage is measured and drawn with the library’s exports', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    const [prose, code] = await Promise.all([
      measureUsage(model, { name: 'prose', text: 'The lantern is lit.' }),
      measureUsage(model, { name: 'code', text: 'let x = 1' }),
    ])
    assert.equal(prose.tokens, model.tokenizer.encode('The lantern is lit.', { addSpecialTokens: false }))
    for (const { kind, topK } of model.config.mixtures) {
      assert.is(
        prose.usage.of(kind, 0).counts.reduce((a, b) => a + b),
        topK * prose.tokens.length,
      )
    }
    const figure = drawUsage([prose, code], { tokens: true })
    assert.match(renderText(figure, { width: 80 }), /^Experts of nano \(q4\)\n/)
    assert.match(renderSvg(figure), /^<svg /)
    assert.match(renderHtml(figure), /^<!doctype html>/)
  }))

test('the routing of a model is compared with its routing under a mask', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    const text = { name: 'text', text: 'The lantern is lit, and nobody said a word.' }
    const free = await measureUsage(model, text)
    const { experts } = model.config.mixtures[1]
    const mlp = experts.map((count) => [count - 1, count - 2])
    await model.maskExperts({ attention: experts.map(() => []), mlp, gates: 'kept' })
    const masked = await measureUsage(model, text)
    const agreement = compareRouting(masked, free)
    assert.ok(meanAgreement(agreement, 'mlp').overlap < 1)
    const [{ kept }] = agreement.mixtures[1].layers
    assert.is(kept[mlp[0][0]], 0, 'a masked expert is never chosen')
    assert.match(renderText(drawAgreement([agreement])), /^Routing of nano \(q4\) against nano \(q4\)\n/)
  }))

test('a text without tokens is refused by name', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    await rejectsWithUserError(
      () => measureUsage(model, { name: 'empty.txt', text: '' }),
      /empty\.txt: there is no text/,
    )
  }))

test.run()
