export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

export function signedPercent(share: number): string {
  return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`
}
