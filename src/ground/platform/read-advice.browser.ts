/** A browser takes no advice. */
export class ReadAdvice {
  static async open(_path: string): Promise<ReadAdvice | undefined> {
    return undefined
  }

  willRead(_offset: number, _bytes: number): void {}

  close(): void {}
}

export function readsFromDisk(): number {
  return 0
}
