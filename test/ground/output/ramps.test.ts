import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rampFor } from '#molm/insight/pictures/blocks/ramps.js'
import { type CellForm, CellPainter } from '#molm/terminal/map/cell-painter.js'

/** The 16 colours of xterm and of a VGA console. */
const PALETTES = {
  xterm: { 30: '000000', 33: 'cdcd00', 34: '0000ee', 37: 'e5e5e5', 90: '7f7f7f', 93: 'ffff00' },
  vga: { 30: '000000', 33: 'aa5500', 34: '0000aa', 37: 'aaaaaa', 90: '555555', 93: 'ffff55' },
} as Record<string, Record<string, string>>
const CUBE = [0, 95, 135, 175, 215, 255]

/** Lightness L* of a colour, 0 to 100. */
function lightness(rgb: number[]): number {
  const [r, g, b] = rgb.map((value) => {
    const channel = value / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  const y = 0.2126 * r + 0.7152 * g + 0.0722 * b
  return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y
}

function colourOf(codes: string, palette: string): number[] {
  const parts = codes.split(';').map(Number)
  if (parts[1] === 2) return parts.slice(2)
  if (parts[1] !== 5) return (PALETTES[palette][codes].match(/../g) ?? []).map((hex) => Number.parseInt(hex, 16))
  const cube = parts[2] - 16
  return [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => CUBE[level])
}

test('a ramp departs from the background in even steps of lightness', () => {
  for (const depth of ['truecolor', '256', '16'] as const) {
    for (const [ground, sign] of [
      ['dark', 1],
      ['light', -1],
    ] as const) {
      const { foreground, background } = rampFor(depth, ground)
      assert.is(foreground.length, background.length)
      assert.ok(foreground.length >= 4)
      for (const palette of depth === '16' ? Object.keys(PALETTES) : ['xterm']) {
        const which = `${depth} on ${ground}, ${palette}`
        const steps = foreground.map((codes) => sign * lightness(colourOf(codes, palette)))
        const rises = steps.slice(1).map((step, i) => step - steps[i])
        assert.ok(
          rises.every((rise) => rise > 0),
          `${which}: ${steps.map(Math.round)}`,
        )
        // Each terminal chooses its own 16 colours.
        if (depth !== '16')
          assert.ok(Math.max(...rises) < 2.6 * Math.min(...rises), `${which}: ${rises.map(Math.round)}`)
        const farthest = ground === 'dark' ? steps[steps.length - 1] : 100 + steps[steps.length - 1]
        assert.ok(farthest > 80, `${which}: the strongest is far from the background`)
      }
    }
  }
})

/** Contrast of two colours as WCAG 2 measures it, from 1 to 21. */
function contrast(one: number[], other: number[]): number {
  const [dark, light] = [one, other].map((rgb) => ((lightness(rgb) + 16) / 116) ** 3).sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

const GROUNDS = { dark: [18, 22, 27], light: [255, 255, 255] }

test('gate .15 is visible, more so in braille than as a block', () => {
  const glow = Math.sqrt(0.15)
  for (const depth of ['truecolor', '256', '16'] as const) {
    for (const [ground, rgb] of Object.entries(GROUNDS) as ['dark' | 'light', number[]][]) {
      const drawn = (form: CellForm) => {
        const lanes = Array.from({ length: form.perLine }, () => Float32Array.of(glow, 0))
        return new CellPainter(depth, ground).forForm(form).line(lanes, form)
      }
      const of = (line: string, palette: string) => {
        return contrast(colourOf(line.split('[')[1]?.split(/m/)[0].split(';48')[0] ?? '', palette), rgb)
      }
      for (const palette of depth === '16' ? Object.keys(PALETTES) : ['xterm']) {
        const which = `${depth} on ${ground}, ${palette}`
        const [block, dots] = [drawn({ cell: 1, perLine: 1 }), drawn({ cell: 0.5, perLine: 4 })]
        assert.ok(of(block, palette) >= 2.4, `${which}: block ${of(block, palette)}`)
        assert.ok(of(dots, palette) >= 4.4, `${which}: dots ${of(dots, palette)}`)
      }
    }
  }
})

test('without colour a ramp is empty', () => {
  assert.equal(rampFor('none', 'dark'), { foreground: [], background: [] })
})

test.run()
