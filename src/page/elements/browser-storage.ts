/** Small texts in a storage of the browser. If the browser forbids it, they last until the page is left. */
class BrowserStorage {
  private readonly own = new Map<string, string>()

  constructor(private readonly kind: 'localStorage' | 'sessionStorage') {}

  get(name: string): string | undefined {
    try {
      return window[this.kind].getItem(name) ?? undefined
    } catch {
      return this.own.get(name)
    }
  }

  /** Sets a text, or removes it. */
  set(name: string, text: string | undefined): void {
    if (text === undefined) this.own.delete(name)
    else this.own.set(name, text)
    try {
      if (text === undefined) window[this.kind].removeItem(name)
      else window[this.kind].setItem(name, text)
    } catch {
      // The own copy suffices.
    }
  }
}

/** Lasts until the tab is closed. */
export const tabStorage = new BrowserStorage('sessionStorage')
/** Lasts, and is the same in all tabs. */
export const lastingStorage = new BrowserStorage('localStorage')
