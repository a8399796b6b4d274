import { useLayoutEffect, useReducer } from 'preact/hooks'

/** State that components show. Each change draws them again. */
export class Store<State extends object> {
  private readonly followers = new Set<() => void>()

  constructor(private current: Readonly<State>) {}

  get state(): Readonly<State> {
    return this.current
  }

  /** Changes some parts of the state. Without parts, something within them has changed. */
  set(parts: Partial<State> = {}): void {
    this.current = { ...this.current, ...parts }
    for (const changed of this.followers) changed()
  }

  /** Calls `changed` after each change. Returns a function that ends this. */
  follow(changed: () => void): () => void {
    this.followers.add(changed)
    return () => this.followers.delete(changed)
  }
}

/** The state of a store; the component is drawn again after each change. */
export function useStore<State extends object>(store: Store<State>): Readonly<State> {
  const [, draw] = useReducer((times: number, _: undefined) => times + 1, 0)
  useLayoutEffect(() => store.follow(() => draw(undefined)), [store])
  return store.state
}
