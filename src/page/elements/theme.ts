import { lastingStorage } from './browser-storage.js'

const THEME = 'molm-theme'

/** `light` or `dark`, or empty for the choice of the system. */
export function themeOf(): string {
  return lastingStorage.get(THEME) ?? ''
}

export function keepTheme(theme: string): void {
  lastingStorage.set(THEME, theme === '' ? undefined : theme)
  showTheme()
}

export function showTheme(): void {
  document.documentElement.style.colorScheme = themeOf()
}
