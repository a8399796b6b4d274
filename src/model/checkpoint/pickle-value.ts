/** Value in a pickle. Tuples and lists are both arrays; every dict is a Map. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleObject

/** Value that a host supplies for a class, a function or an object of another kind. */
export abstract class PickleObject {
  /** No other value has it, so that the types differ. */
  protected readonly isSupplied = true
}

/** Function that a host supplies for a class or function that the pickle names. */
export class PickleCallable extends PickleObject {
  constructor(readonly call: (args: PickleValue[]) => PickleValue) {
    super()
  }
}

/** Supplies the values outside a pickle that it may refer to. */
export interface PickleHost {
  /** Name of the file, for error messages. */
  file: string
  /** Value for `module.name`; undefined refuses the pickle. */
  global(name: string): PickleObject | undefined
  /** Object of a persistent id. */
  persistent(id: PickleValue): PickleValue
}
