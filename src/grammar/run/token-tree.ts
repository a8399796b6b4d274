/** The tokens of a model, as its guides' thread receives them. */
export interface VocabularyData {
  /** Bytes of all tokens, one after the other; none for an id without a token. */
  bytes: Uint8Array
  /** Begin of each token in `bytes`, and the end of the last. */
  starts: Uint32Array
  /** Special tokens, each with its text. */
  specials: [id: number, text: string][]
}

/** Ordinary tokens as a tree of their bytes, its nodes in the order of a walk that visits a node before those below it. */
export class TokenTree {
  /** Last byte of each node. */
  readonly bytes: Uint8Array
  /** Number of bytes of each node. */
  readonly depths: Uint16Array
  /** First node after those below each node. */
  readonly ends: Int32Array
  /** Token of each node; -1 if its bytes are none. */
  readonly tokens: Int32Array
  /** For each token, the next with the same bytes; -1 after the last. */
  readonly same: Int32Array
  readonly deepest: number

  constructor({ bytes, starts }: VocabularyData, skipped: ReadonlySet<number>) {
    const size = starts.length - 1
    const most = bytes.length + 1
    const links = {
      firstChild: new Int32Array(most),
      sibling: new Int32Array(most),
      byte: new Uint8Array(most),
      token: new Int32Array(most).fill(-1),
    }
    this.same = new Int32Array(size).fill(-1)
    let count = 1
    let deepest = 0
    for (let id = 0; id < size; id++) {
      if (skipped.has(id) || starts[id] === starts[id + 1]) continue
      let node = 0
      for (let at = starts[id]; at < starts[id + 1]; at++) {
        let child = links.firstChild[node]
        while (child !== 0 && links.byte[child] !== bytes[at]) child = links.sibling[child]
        if (child === 0) {
          child = count++
          links.byte[child] = bytes[at]
          links.sibling[child] = links.firstChild[node]
          links.firstChild[node] = child
        }
        node = child
      }
      this.same[id] = links.token[node]
      links.token[node] = id
      deepest = Math.max(deepest, starts[id + 1] - starts[id])
    }
    this.deepest = deepest
    this.bytes = new Uint8Array(count - 1)
    this.depths = new Uint16Array(count - 1)
    this.ends = new Int32Array(count - 1)
    this.tokens = new Int32Array(count - 1)
    this.layOut(links)
  }

  private layOut({ firstChild, sibling, byte, token }: Links): void {
    const path = new Int32Array(this.deepest + 1)
    const places = new Int32Array(this.deepest + 1)
    let place = 0
    let depth = 1
    path[1] = firstChild[0]
    while (depth > 0) {
      const node = path[depth]
      if (node === 0) {
        depth--
        if (depth > 0) {
          this.ends[places[depth]] = place
          path[depth] = sibling[path[depth]]
        }
        continue
      }
      this.bytes[place] = byte[node]
      this.depths[place] = depth
      this.tokens[place] = token[node]
      places[depth] = place++
      if (firstChild[node] === 0) {
        this.ends[place - 1] = place
        path[depth] = sibling[node]
      } else path[++depth] = firstChild[node]
    }
  }
}

interface Links {
  firstChild: Int32Array
  sibling: Int32Array
  byte: Uint8Array
  token: Int32Array
}
