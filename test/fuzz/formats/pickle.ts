import { readWeightFile } from '#molm/model/checkpoint/shards.js'
import { joinBytes, littleEndian } from '../../support/bytes.js'
import { bytesSource } from '../../support/memory-files.js'
import { pickle as writePickle } from '../../support/pickle-writer.js'
import { torchZipOf } from '../../support/torch-writer.js'
import type { Chance } from '../chance.js'
import { checkTensors } from '../check-tensors.js'
import { bytesOf, type Files } from '../files.js'
import type { Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { torchState } from '../torch-state.js'

const FILE = 'pytorch_model.bin'

/** Programs for the pickle machine, generated from a grammar: they build, call and import objects as in Python. */
export const pickle: Format = {
  name: 'pickle',
  inputs: 7000,
  prepare: () => ({
    sound: (chance) => inFile(writePickle(torchState(chance).root)),

    harm(_, chance) {
      chance.note('pickle: a program from the grammar')
      const program = joinBytes([0x80, chance.pick([2, 2, 3, 4, 5, 6])], new Program(chance).value(5), '.')
      return inFile(chance.oneIn(4) ? harmBytes(program, chance, 'program') : program)
    },

    async read({ files }) {
      await checkTensors(await readWeightFile(bytesSource(bytesOf(files, FILE)), 'torch'))
    },
  }),
}

/** A file with the pickle and storages that fit a state dict. */
function inFile(pickled: Uint8Array): Files {
  const storages = ['0', '1', '2', '3'].map((key) => ({ key, type: '', elements: 40, data: new Uint8Array(8 * 40) }))
  return new Map([[FILE, torchZipOf(pickled, storages)]])
}

const GLOBALS = [
  ...[
    'collections\nOrderedDict',
    'torch._utils\n_rebuild_tensor_v2',
    'torch._utils\n_rebuild_parameter',
    'torch\nSize',
  ],
  ...['torch\nFloatStorage', 'torch\nHalfStorage', 'torch\nLongStorage', 'torch\ndevice', 'torch\nfloat16'],
]
const FORBIDDEN = [
  ...['os\nsystem', 'builtins\neval', 'posix\nsystem', 'subprocess\nPopen', '__builtin__\nexec', 'torch\nload'],
  ...['constructor\nconstructor', '__proto__\ntoString', 'process\nexit', 'torch._utils\n_rebuild_sparse_tensor', '\n'],
]

/** Writes opcodes that mostly leave one more value on the stack. */
class Program {
  private memo = 0

  constructor(private readonly chance: Chance) {}

  value(depth: number): Uint8Array {
    const { chance } = this
    const made = depth > 0 && !chance.oneIn(4) ? this.container(depth - 1) : this.atom()
    if (chance.oneIn(6)) return joinBytes(made, [0x71, this.memo++ & 0xff])
    if (chance.oneIn(30)) return joinBytes(made, this.stray())
    return made
  }

  private values(depth: number, most = 4): Uint8Array {
    return joinBytes(...Array.from({ length: this.chance.below(most + 1) }, () => this.value(depth)))
  }

  private atom(): Uint8Array {
    const { chance } = this
    switch (chance.below(9)) {
      case 0:
        return joinBytes(chance.pick(['N', [0x88], [0x89]]))
      case 1:
        return joinBytes('K', [chance.below(41)])
      case 2:
        return joinBytes('J', littleEndian(chance.pick([-1, 0, 1, 40, 2 ** 31 - 1, -(2 ** 31)]), 4))
      case 3:
        return joinBytes([0x8a, 8], littleEndian(chance.pick([-1n, 2n ** 53n, 2n ** 63n - 1n, 40n]), 8))
      case 4:
        return joinBytes('G', chance.bytes(8))
      case 5:
        return joinBytes('X', littleEndian(1, 4), chance.pick(['0', '1', '2', 'a']))
      case 6:
        return joinBytes('X', littleEndian(7, 4), 'storage')
      case 7:
        return joinBytes('h', [chance.below(Math.max(1, this.memo) + 1)])
      default:
        return joinBytes('c', chance.oneIn(40) ? chance.pick(FORBIDDEN) : chance.pick(GLOBALS), '\n')
    }
  }

  private container(depth: number): Uint8Array {
    const { chance } = this
    switch (chance.below(10)) {
      case 0:
        return joinBytes('(', this.values(depth), 't')
      case 1:
        return joinBytes(']', '(', this.values(depth), 'e')
      case 2:
        return joinBytes('}', '(', this.value(depth), this.value(depth), this.values(depth, 2), 'u')
      case 3:
        return joinBytes(this.value(depth), this.value(depth), [0x86])
      case 4:
      case 5:
        return this.stateDict(depth)
      case 6:
        return this.tensor()
      case 7:
        return this.storage()
      case 8:
        return joinBytes('c', chance.pick(GLOBALS), '\n', this.value(depth), [0x85], 'R')
      default:
        return joinBytes(this.value(depth), '}', 'b')
    }
  }

  private stateDict(depth: number): Uint8Array {
    const items = Array.from({ length: this.chance.below(4) }, (_, i) =>
      joinBytes('X', littleEndian(2, 4), `w${i}`, this.chance.oneIn(4) ? this.value(depth) : this.tensor(), 's'),
    )
    return joinBytes('c', GLOBALS[0], '\n', ')', 'R', ...items)
  }

  private tensor(): Uint8Array {
    const sizes = () => joinBytes('(', ...Array.from({ length: this.chance.below(4) }, () => this.size()), 't')
    const rest = joinBytes([0x89], 'c', GLOBALS[0], '\n', ')', 'R')
    return joinBytes('c', GLOBALS[1], '\n', '(', this.storage(), this.size(), sizes(), sizes(), rest, 't', 'R')
  }

  private storage(): Uint8Array {
    const key = joinBytes('X', littleEndian(1, 4), this.chance.pick(['0', '1', '2', '3', '9']))
    const device = joinBytes('X', littleEndian(3, 4), 'cpu')
    const type = joinBytes('c', this.chance.pick(GLOBALS.slice(4, 7)), '\n')
    return joinBytes('(', 'X', littleEndian(7, 4), 'storage', type, key, device, 'K', [40], 't', 'Q')
  }

  private size(): Uint8Array {
    return this.chance.oneIn(8) ? this.atom() : joinBytes('K', [this.chance.below(6)])
  }

  /** Unexpected opcodes: marks, pops, duplicates, and others that torch.save does not write. */
  private stray(): Uint8Array {
    return joinBytes(
      this.chance.pick(['(', '0', '1', '2', 'a', 'e', 's', 'u', 'R', 'Q', 'd', 'l', [0x93], [0x94], 'i', 'o']),
    )
  }
}
