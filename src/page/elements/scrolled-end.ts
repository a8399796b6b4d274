/** The view follows new text while it is at most this many pixels from the end. */
const NEAR = 40

/** Keeps the end of a text in view while it grows or the window changes, unless the user has scrolled up. */
export class ScrolledEnd {
  private isAtEnd = true
  /** Position that this class has scrolled to last. */
  private top = 0

  constructor(private readonly place: HTMLElement) {
    place.addEventListener('scroll', () => this.look())
    const follow = () => {
      this.look()
      if (this.isAtEnd) this.go()
    }
    new ResizeObserver(follow).observe(place)
    new MutationObserver(follow).observe(place, { childList: true, characterData: true, subtree: true })
  }

  go(): void {
    this.isAtEnd = true
    this.place.scrollTop = this.place.scrollHeight
    this.top = this.place.scrollTop
  }

  /** Looks whether the user has scrolled. The event of it may come later than new text. */
  private look(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.place
    if (this.isAtEnd && Math.abs(scrollTop - this.top) < 1) return
    this.isAtEnd = scrollTop + clientHeight > scrollHeight - NEAR
  }
}
