import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { renderText } from '#molm/insight/pictures/text/text.js'
import { committeeObjects } from '#molm/lab/commands/experts/usage-json.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'

const entry = (name: string) => ({ name, share: 0.1, tokens: [], texts: [] })
const atlas = { entries: { attention: [[entry('brackets'), entry('"x"')]] } } as unknown as Atlas

test('a figure of several texts names the experts that work whatever the text, with Gini and Jain’s fairness', () => {
  const texts = [proseOf(10), codeOf(10)]
  const lines = renderText(drawUsage(texts, { atlas })).split('\n')
  const at = lines.indexOf('Committee: experts among the fewest that do half of a layer’s work in each of the 2 texts')
  assert.ok(at > 0)
  assert.equal(lines.slice(at + 1, at + 4), [
    '  layer              members  share   Gini  fairness (Jain)  experts',
    '  layer 0 attention  1        50.0 %  0.13  0.94             0 (brackets) 63 %',
    '  layer 0 mlp        0        -       0.25  0.82             none',
  ])
  const narrow = renderText(drawUsage(texts, { atlas, parts: ['committee'], title: '' }), { width: 80 })
  assert.match(narrow, /^ {2}layer 0 attention, members 1, share 50\.0 %, Gini 0\.13, /m)
  const [committee] = committeeObjects(texts, atlas)
  assert.equal(committee, {
    layer: 0,
    kind: 'attention',
    experts: [{ expert: 0, name: 'brackets', share: 0.625 }],
    share: 0.5,
    gini: 0.125,
    fairness: 16 / 17,
  })
})

test('one text has a committee on request, the fewest experts that do half of its work', () => {
  const said = 'Committee: the fewest experts of a layer that do half of its work'
  assert.not.match(renderText(drawUsage([proseOf()])), /Committee/)
  const alone = renderText(drawUsage([proseOf()], { parts: ['committee'], title: '' }))
  assert.is(alone.split('\n')[0], said)
})

test.run()
