import { inflateSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import { drawAgreement } from '#molm/insight/pictures/kinds/agreement-figure.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { renderPng } from '#molm/insight/pictures/svg/png.js'
import { renderSvg } from '#molm/insight/pictures/svg/svg.js'
import { CHARACTER } from '#molm/insight/pictures/svg/svg-drawing.js'
import { compareRouting } from '#molm/insight/usage/agreement.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'
import { mixture, reader, routedText } from '../../support/routed-text.js'

const [prose, code] = [proseOf(), codeOf()]

/** A text on a model of `layers` layers. */
function large(layers: number, attention: number, mlp: number) {
  const every = (experts: number) => Array.from({ length: layers }, () => experts)
  const kinds = [mixture('attention', every(attention), 2), mixture('mlp', every(mlp), 2)]
  const model = reader(
    kinds.filter(({ experts }) => experts[0] > 0),
    ['lantern', ' a very long token indeed'],
  )
  const both = { ids: [0, 1], gates: [0.5, 0.25] }
  return routedText('text', model, [...Array(12).keys()], () => ({ attention: both, mlp: both }))
}

/** Elements beyond the right edge of a picture, whose groups only move down. */
function outside(svg: string): string[] {
  const [, width] = /viewBox="0 0 (\d+) /.exec(svg) ?? []
  const room = Number(width) - 16
  const texts = [...svg.matchAll(/<text x="([\d.]+)"[^>]*?(text-anchor="\w+")?[^>]*>([^<]*)</g)]
    .filter(([all]) => !all.includes('text-anchor') && !all.includes('class="small"'))
    .filter(([, x, , text]) => Number(x) + cellWidth(text.replace(/&\w+;/g, 'x')) * CHARACTER > room)
  const rects = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)]
  return [...texts, ...rects.filter(([, x, w]) => Number(x) + Number(w) > room)].map(([all]) => all)
}

test('a picture has the requested width, and nothing is outside', () => {
  for (const [name, text] of Object.entries({
    nano: large(6, 8, 24),
    'MoLM 4B': large(24, 16, 32),
    'MLP alone': large(48, 0, 128),
  })) {
    for (const width of [320, 1600]) {
      // Lanes of all layers would be too high for one picture.
      const parts = text.usage.layers > 6 ? (['map', 'difference'] as const) : undefined
      const figure = drawUsage([text, text], parts ? { parts } : { tokens: true })
      const svg = renderSvg(figure, { width })
      assert.match(svg, new RegExp(`width="${width}"`))
      assert.equal(outside(svg), [], `${name} at ${width}`)
    }
  }
})

test('both axes have numbers, and the caption gives the packing and the experts per token', () => {
  const svg = renderSvg(drawUsage([large(24, 16, 32)]))
  assert.ok(svg.includes('Experts of small (q4)'))
  assert.ok(svg.includes('per layer a token uses 2 of 16 attention experts and 2 of 32 MLP experts'))
  const numbers = [...svg.matchAll(/y="27" text-anchor="middle">(\d+)</g)].map(([, number]) => Number(number))
  assert.equal(numbers.slice(0, 8), [0, 2, 4, 6, 8, 10, 12, 14])
  assert.is(svg.match(/<g class="layer" data-layer="\d+"><text [^>]*>\d+<\/text>/g)?.length, 24)
  assert.ok(svg.includes('share of the tokens that choose the expert:'))
})

test('texts share one scale: the same share has the same colour in each', () => {
  const colours = (svg: string) =>
    [...svg.matchAll(/fill="(#\w+)" data-expert="mlp 0 (\d)"/g)].map(([, colour, expert]) => [expert, colour])
  const both = colours(renderSvg(drawUsage([prose, code])))
  const alone = colours(renderSvg(drawUsage([prose])))
  assert.not.equal(both[0], alone[0], 'three quarters are the most of prose, but not of both')
  assert.is(both[5][1], alone[0][1], 'the fullest has the brightest colour')
})

test('tokens are above lanes with names', () => {
  const svg = renderSvg(drawUsage([prose], { tokens: true }))
  for (const name of ['0 attention', '0 mlp', 'gate:', '⏎', '&lt;b&gt;'])
    assert.ok(svg.includes(`>${name}</text>`), name)
})

test('a comparison crosses out experts that one model lacks, and the legend says why', () => {
  const model = reader([mixture('mlp', [2], 1)], ['a'], { name: 'cut', originals: { mlp: [[0, 2]] } })
  const whole = reader([mixture('mlp', [3], 1)], ['a'], { name: 'whole' })
  const text = (of: typeof model, id: number) =>
    routedText('text', of, [0, 0], () => ({ mlp: { ids: [id], gates: [1] } }))
  const svg = renderSvg(drawAgreement([compareRouting(text(model, 1), text(whole, 2))]))
  assert.match(
    svg,
    /data-expert="mlp 0 1"><title>[^<]*missing[^<]*<\/title><rect class="empty"[^>]*\/><path class="cross"/,
  )
  assert.ok(svg.includes('Routing of cut (q4) against whole (q4)'))
  assert.ok(svg.includes('>not in cut (q4)<') && svg.includes('>chosen by no token<'))
  assert.match(svg, /fill="#fee838" data-expert="mlp 0 2"/)
})

test('a PNG has two pixels per unit, and text is drawn', async () => {
  const figure = drawUsage([prose])
  const png = Buffer.from(await renderPng(figure, { width: 400 }))
  assert.is(png.toString('latin1', 1, 4), 'PNG')
  assert.is(png.readUInt32BE(16), 800)
  const untitled = await renderPng({ ...figure, title: ' ' }, { width: 400 })
  assert.ok(inkOf(png) > inkOf(Buffer.from(untitled)) + 500, 'the title is drawn')
  assert.equal(await renderPng(figure, { width: 400 }), new Uint8Array(png), 'and the same each time')
})

/** Bytes other than white in a PNG, enough to see that something is drawn. */
function inkOf(png: Buffer): number {
  const parts: Buffer[] = []
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + size))
    at += size + 12
  }
  return inflateSync(Buffer.concat(parts)).reduce((sum, byte) => sum + (byte === 0 || byte === 255 ? 0 : 1), 0)
}

test('a picture that would be too large is refused with the options that make it smaller', () => {
  const text = large(48, 0, 128)
  const why = /pixels, and 4000 is the most: show less with `layers`, `only` or `parts`/
  assert.throws(() => renderSvg(drawUsage([text], { tokens: true })), why)
  assert.throws(() => renderSvg(drawUsage([text]), { width: 4001 }), why)
  const some = renderSvg(drawUsage([text], { tokens: true, layers: [0, 1, 2, 3] }))
  assert.equal(
    [...some.matchAll(/>(\d+) mlp<\/text>/g)].map(([, layer]) => layer),
    ['0', '1', '2', '3'],
  )
})

test('the cells of a usage map and of the differences are below one another, without gaps if they are small', () => {
  for (const [text, width] of [
    [large(6, 8, 24), 640],
    [large(8, 16, 128), 1000],
    [large(6, 8, 24), 320],
  ] as const) {
    const svg = renderSvg(drawUsage([text, text], { parts: ['map', 'difference'] }), { width })
    const placed = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"[^>]*data-expert="mlp 0 (\d+)"/g)]
    const byExpert = new Map<string, Set<string>>()
    for (const [, x, cell, expert] of placed) {
      byExpert.set(expert, (byExpert.get(expert) ?? new Set()).add(`${x} ${cell}`))
    }
    assert.ok(
      [...byExpert.values()].every((places) => places.size === 1),
      `${width}`,
    )
    const [first, second] = placed.map(([, x]) => Number(x))
    const cell = Number(placed[0][2])
    assert.is(second - first - cell > 0.5, second - first >= 8, `cells of ${cell}`)
  }
})

test.run()
