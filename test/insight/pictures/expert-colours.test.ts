import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { highlight, type Rgb, terminalBackground } from '#molm/ground/output/colours.js'
import { amountColour, expertColour, INK } from '#molm/insight/pictures/blocks/expert-colours.js'
import type { Background } from '#molm/insight/pictures/blocks/ramps.js'

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

/** Red, green and blue of one of 256 colours above the first 16. */
function of256(number: number): Rgb {
  if (number >= 232) return [8 + 10 * (number - 232), 8 + 10 * (number - 232), 8 + 10 * (number - 232)]
  const level = (share: number) => [0, 95, 135, 175, 215, 255][share % 6]
  const place = number - 16
  return [level(Math.floor(place / 36)), level(Math.floor(place / 6)), level(place)]
}

test('letters stay legible on a terminal with 256 colours, and sixteen keep the hues', () => {
  for (const background of BACKGROUNDS) {
    for (let expert = 0; expert < 64; expert++) {
      const text = highlight('a', expertColour(expert, background), INK[background], '256')
      const [, behind, ink] = /\[48;5;(\d+);38;5;(\d+)m/.exec(text) ?? []
      assert.ok(contrast(of256(Number(behind)), of256(Number(ink))) >= 4.5, `expert ${expert}`)
    }
    const sixteen = [0, 1, 2, 3].map((expert) =>
      highlight('a', expertColour(expert, background), INK[background], '16'),
    )
    for (const [i, codes] of sixteen.entries()) {
      assert.match(codes, /\[10[1-6];30m/)
      assert.is.not(codes, sixteen[i + 1])
    }
  }
  assert.is(highlight('a', [200, 200, 200], INK.dark, '16'), 'a')
  assert.is(highlight('a', [1, 2, 3], INK.dark, 'none'), 'a')
  assert.is(highlight('a', [1, 2, 3], [4, 5, 6], 'truecolor'), '\x1b[48;2;1;2;3;38;2;4;5;6ma\x1b[39;49m')
})

test('the background of a terminal comes from COLORFGBG, else it is dark', () => {
  assert.is(terminalBackground({ COLORFGBG: '0;15' }), 'light')
  assert.is(terminalBackground({ COLORFGBG: '15;default;0' }), 'dark')
  assert.is(terminalBackground({}), 'dark')
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
