/** The view follows new text while it is at most this many pixels from the end. */
const NEAR = 40

/** Keeps the end of a text in view while it grows or the window changes, unless the user has scrolled up. */
export class ScrolledEnd {
  private isAtEnd = true

  constructor(private readonly place: HTMLElement) {
    place.addEventListener('scroll', () => {
      this.isAtEnd = place.scrollTop + place.clientHeight > place.scrollHeight - NEAR
    })
    const follow = () => {
      if (this.isAtEnd) this.go()
    }
    new ResizeObserver(follow).observe(place)
    new MutationObserver(follow).observe(place, { childList: true, characterData: true, subtree: true })
  }

  /** Scrolls to the end. */
  go(): void {
    this.isAtEnd = true
    this.place.scrollTop = this.place.scrollHeight
  }
}
