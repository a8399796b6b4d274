/** What a pickle can hold here. Tuples and lists are both arrays; every dict is a Map. */
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

/** What a host puts in place of a class, a function or an object of another kind. */
export abstract class PickleObject {
  abstract readonly kind: string
}

/** A host's own function in place of a class or function that the pickle names. */
export class PickleCallable extends PickleObject {
  readonly kind = 'callable'
  constructor(readonly call: (args: PickleValue[]) => PickleValue) {
    super()
  }
}

/** What a pickle may refer to outside itself. */
export interface PickleHost {
  /** The file, for error messages. */
  where: string
  /** What stands for `module.name`; undefined refuses the pickle. */
  global(name: string): PickleObject | undefined
  /** The object of a persistent id. */
  persistent(id: PickleValue): PickleValue
}
