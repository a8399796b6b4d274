/** A node of a tree: its place in the list of all nodes never changes. */
interface Node<T> {
  value: T
  /** Place of the node before it; -1 for a beginning. */
  parent: number
}

/** A conversation with branches: an edited question or a second answer begins one, and the earlier one stays. */
export class Branches<T> {
  private readonly nodes: Node<T>[] = []
  /** Place of the last node of the path that is shown; -1 before the first. */
  private lastPlace = -1

  /** All values, each after its parent. */
  get all(): readonly Readonly<Node<T>>[] {
    return this.nodes
  }

  get last(): number {
    return this.lastPlace
  }

  /** Values from a beginning to the last node. */
  get path(): T[] {
    return this.pathTo(this.lastPlace)
  }

  /** Adds a value after the last one. */
  append(value: T): void {
    this.lastPlace = this.nodes.push({ value, parent: this.lastPlace }) - 1
  }

  /** Removes the node that was added last, and its value from the path. Nothing may come after it. */
  takeBack(value: T): void {
    if (this.nodes.at(-1)?.value !== value) return
    const { parent } = this.nodes[this.nodes.length - 1]
    this.nodes.pop()
    if (this.lastPlace === this.nodes.length) this.lastPlace = parent
  }

  /** Ends the path before a value, so that the next one begins a branch. */
  endBefore(value: T): void {
    this.lastPlace = this.nodes[this.placeOf(value)].parent
  }

  /** Ends the path at a node. */
  endAt(place: number): void {
    if (place >= -1 && place < this.nodes.length) this.lastPlace = place
  }

  /** Values with the same parent, the value itself included, in the order they were added. */
  besides(value: T): T[] {
    const { parent } = this.nodes[this.placeOf(value)]
    return this.nodes.filter((node) => node.parent === parent).map((node) => node.value)
  }

  /** Shows the branch of a value, to the end of what was added to it last. */
  choose(value: T): void {
    this.lastPlace = this.placeOf(value)
    for (;;) {
      const next = this.nodes.findLastIndex(({ parent }) => parent === this.lastPlace)
      if (next < 0) return
      this.lastPlace = next
    }
  }

  private placeOf(value: T): number {
    const place = this.nodes.findIndex((node) => node.value === value)
    if (place < 0) throw new Error('the conversation does not have this value')
    return place
  }

  private pathTo(last: number): T[] {
    const path: T[] = []
    for (let place = last; place >= 0; place = this.nodes[place].parent) path.unshift(this.nodes[place].value)
    return path
  }
}
