import type { TextSection } from './explore.js'

/*
 * Plays a text: token after token as the model read it, with the experts of each in the map. It has a button, a slider for
 * the place and a choice of speeds beside each map; the key p plays and pauses, and Escape shows the whole text again.
 * explore.ts shows the tokens. It imports types only, since the written page is a single file.
 */

/** Tokens a second. */
const SPEEDS = [1, 2, 4, 8, 16]
const FIRST_SPEED = 4

class Player {
  private readonly button = document.createElement('button')
  private readonly slider = document.createElement('input')
  private readonly place = document.createElement('output')
  private readonly speed = document.createElement('select')
  private readonly tokens: HTMLElement[]
  private timer?: number

  constructor(readonly section: TextSection) {
    this.tokens = [...section.querySelectorAll<HTMLElement>('.tokens [data-i]')]
    const { button, slider, place, speed, tokens } = this
    button.type = 'button'
    button.title = 'or press p'
    button.addEventListener('click', () => (this.isPlaying ? this.pause() : this.play()))
    Object.assign(slider, { type: 'range', min: '0', max: String(tokens.length - 1), value: '0' })
    slider.setAttribute('aria-label', 'token')
    slider.addEventListener('input', () => {
      unpin()
      this.goTo(slider.valueAsNumber)
    })
    speed.setAttribute('aria-label', 'speed')
    for (const perSecond of SPEEDS) {
      const isFirst = perSecond === FIRST_SPEED
      speed.append(new Option(`${perSecond} a second`, String(perSecond), isFirst, isFirst))
    }
    const player = document.createElement('div')
    player.className = 'player'
    player.append(button, slider, place, speed)
    section.querySelector('.map')?.prepend(player)
    this.pause()
    place.textContent = this.placeAt(0)
  }

  get isPlaying(): boolean {
    return this.timer !== undefined
  }

  /** Plays on from the pinned token, or from the place of the slider. */
  play(): void {
    for (const player of players) player.pause()
    const pinned = this.tokens.findIndex((token) => token.classList.contains('pinned'))
    const last = this.tokens.length - 1
    const from = pinned < 0 ? this.slider.valueAsNumber : pinned
    unpin()
    // A token with the focus would be shown all the time.
    this.button.focus()
    this.button.textContent = 'Pause'
    this.section.querySelector('.detail')?.setAttribute('aria-live', 'off')
    this.goTo(from === last ? 0 : from)
    this.wait()
  }

  pause(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.button.textContent = 'Play'
    this.section.querySelector('.detail')?.setAttribute('aria-live', 'polite')
  }

  /** Shows the whole text and the usage of all experts again. */
  leave(): void {
    this.pause()
    if (!this.section.classList.contains('playing')) return
    this.section.classList.remove('playing')
    for (const token of this.tokens) token.classList.remove('now', 'later')
    this.tokens[0].dispatchEvent(new Event('hide', { bubbles: true }))
  }

  private wait(): void {
    this.timer = window.setTimeout(() => this.step(), 1000 / Number(this.speed.value))
  }

  private step(): void {
    const next = this.slider.valueAsNumber + 1
    if (next === this.tokens.length) return this.leave()
    this.goTo(next)
    this.wait()
  }

  /** Shows a token as the newest one. Those after it are pale. */
  private goTo(at: number): void {
    const { section, tokens, slider, place } = this
    section.classList.add('playing')
    for (const [i, token] of tokens.entries()) {
      token.classList.toggle('now', i === at)
      token.classList.toggle('later', i > at)
    }
    slider.value = String(at)
    place.textContent = this.placeAt(at)
    tokens[at].closest('details')?.setAttribute('open', '')
    tokens[at].dispatchEvent(new Event('show', { bubbles: true }))
    tokens[at].scrollIntoView({ block: 'nearest' })
  }

  private placeAt(at: number): string {
    return `${at + 1} of ${this.tokens.length}`
  }
}

function unpin(): void {
  document.querySelector('section.text .pinned')?.dispatchEvent(new MouseEvent('click', { bubbles: true }))
}

const players = [...document.querySelectorAll<TextSection>('section.text')].map((section) => new Player(section))

// It does not bubble.
document.addEventListener(
  'pinned',
  ({ target, detail }: CustomEventInit & Event) => {
    if (detail) for (const player of players) if (player.section === target) player.pause()
  },
  true,
)
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') for (const player of players) player.leave()
  const { target } = event
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey
  if (event.key !== 'p' || !isPlain || !(target instanceof Element) || target.closest('select')) return
  const player = players.find(({ section }) => section.contains(target)) ?? players[0]
  if (player?.isPlaying) player.pause()
  else player?.play()
})
