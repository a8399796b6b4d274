import type { Model } from '../../api/model.js'
import { sha256Hex } from '../../ground/platform/checksums.js'
import { Queue } from '../../ground/queue.js'
import { takesInputs } from '../../model/packing/format/formats.js'
import type { Part, Piece } from '../../model/packing/format/layout.js'
import type { CalibrationRecord } from '../../model/packing/format/packed-metadata.js'
import type { MatrixInputs } from '../../model/packing/write/pack.js'
import { type CalibrationText, ownWindows, textWindows } from './text-windows.js'

/** Name of the text that a model writes itself. */
const OWN_TEXT = 'own text'

/** Whether a packed file has been calibrated with these texts, or with the model's own. */
export function isCalibratedWith(
  record: CalibrationRecord | undefined,
  texts: readonly CalibrationText[] | undefined,
): boolean {
  if (!record) return false
  if (!texts) return record.texts.length === 1 && record.texts[0].name === OWN_TEXT
  const hashes = (list: CalibrationRecord['texts']) => list.map(({ sha256 }) => sha256).join()
  return hashes(record.texts) === hashes(texts.map(recordOf))
}

function recordOf({ name, text }: CalibrationText): CalibrationRecord['texts'][number] {
  return { name, sha256: sha256Hex(Buffer.from(text)) }
}

/**
 * Inputs of a packed model's matrices in a text. The model reads the text layer by layer, as the matrices are asked
 * for: only the inputs of one layer are in memory.
 */
export class TextCalibration {
  /** Layers that have been run, and whether the head has. */
  private done = 0
  private isAtHead = false
  private unseen = 0
  private latest?: Promise<MatrixInputs | undefined>
  private latestName?: string
  /** Steps of the pass, which must not overlap. */
  private readonly steps = new Queue()

  private constructor(
    private readonly model: Model,
    private readonly experts: readonly Part[][],
    private readonly texts: CalibrationRecord['texts'],
    private readonly tokens: number,
    private readonly signal?: AbortSignal,
  ) {}

  /** Begins a pass over texts, or over a text that the model writes. Rejects with a UserError if they are too short. */
  static async begin(
    model: Model,
    parts: readonly Part[],
    texts: readonly CalibrationText[] | undefined,
    signal?: AbortSignal,
  ): Promise<TextCalibration> {
    const windows = await (texts ? textWindows(model, texts, signal) : ownWindows(model, signal))
    await model.layerPass.begin(windows)
    const tokens = windows.reduce((sum, { length }) => sum + length, 0)
    const named = texts
      ? texts.map(recordOf)
      : [{ name: OWN_TEXT, sha256: sha256Hex(Buffer.from(windows.flatMap((window) => [...window]).join(' '))) }]
    const experts = Array.from({ length: model.config.layers }, (_, layer) =>
      parts.filter((part) => part.expert && part.layer === layer),
    )
    return new TextCalibration(model, experts, named, tokens, signal)
  }

  /** Returns the inputs of a matrix that they can decide, if it had any. Matrices come in the order of the layers. */
  async inputsOf({ name, layer, expert }: Part, piece: Piece): Promise<MatrixInputs | undefined> {
    const isHead = layer === undefined && !expert
    if (piece.kind !== 'matrix' || !takesInputs(piece.format)) return undefined
    const of = `${name}/${piece.name}`
    if (this.latestName !== of || !this.latest) {
      this.latestName = of
      this.latest = this.steps.run(async () => {
        await (isHead ? this.reachHead() : this.reach(layer ?? 0))
        const rows = await this.model.layerPass.inputs(of, piece.cols)
        return rows && { of, rows }
      })
    }
    return this.latest
  }

  /** Account for the packed file; `unseen` counts all experts as long as the text has not been read to its end. */
  get record(): CalibrationRecord {
    const { texts, tokens } = this
    const unread = this.experts.slice(this.done).reduce((sum, experts) => sum + experts.length, 0)
    return { texts, tokens, unseen: this.unseen + unread }
  }

  /** Reads the rest of the text, and ends the pass. */
  async finish(): Promise<CalibrationRecord> {
    await this.steps.run(() => this.reach(this.experts.length - 1))
    await this.model.layerPass.end()
    return this.record
  }

  private async reach(layer: number): Promise<void> {
    for (; this.done <= layer; this.done++) {
      const awake = new Set(await this.model.layerPass.layer(this.done, { signal: this.signal }))
      const isAwake = ({ name, pieces }: Part) => pieces.some((piece) => awake.has(`${name}/${piece.name}`))
      this.unseen += this.experts[this.done].filter((expert) => !isAwake(expert)).length
    }
  }

  private async reachHead(): Promise<void> {
    await this.reach(this.experts.length - 1)
    if (!this.isAtHead) await this.model.layerPass.head()
    this.isAtHead = true
  }
}
