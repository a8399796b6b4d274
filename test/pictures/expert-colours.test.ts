import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { amountColour, expertColour, INK } from '#molm/pictures/expert-colours.js'
import type { Rgb } from '#molm/terminal/colours.js'
import type { Background } from '#molm/terminal/ramps.js'

const BACKGROUNDS: Background[] = ['light', 'dark']

/** Contrast of two colours (WCAG 2.2, 1.4.3). */
function contrast(one: Rgb, other: Rgb): number {
  const [more, less] = [one, other].map(luminance).sort((a, b) => b - a)
  return (more + 0.05) / (less + 0.05)
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

const distance = (a: Rgb, b: Rgb) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

test('letters on any colour of a text are legible', () => {
  for (const background of BACKGROUNDS) {
    for (let expert = 0; expert < 512; expert++) {
      assert.ok(contrast(expertColour(expert, background), INK[background]) >= 4.5, `expert ${expert} on ${background}`)
    }
    for (let i = 0; i <= 100; i++) {
      assert.ok(contrast(amountColour(i / 100, background), INK[background]) >= 4.5, `${i} % on ${background}`)
    }
  }
})

test('neighbouring experts have clearly different colours, and 24 experts distinct ones', () => {
  for (const background of BACKGROUNDS) {
    const colours = Array.from({ length: 24 }, (_, expert) => expertColour(expert, background))
    for (const [i, colour] of colours.entries()) {
      for (const [j, other] of colours.slice(0, i).entries()) {
        assert.ok(distance(colour, other) > (i - j === 1 ? 40 : 9), `${j} and ${i} on ${background}`)
      }
    }
  }
})

test.run()
