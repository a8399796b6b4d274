import { basename, dirname, resolve } from 'node:path'

/** Names of weights that are the same in many folders: `model.gguf`, `model-q4.molm.safetensors`, `Q4_K_M.gguf`. */
const SAYS_NOTHING =
  /^(?:model|weights|consolidated|pytorch_model|ggml(?:-model)?)?(?:[-_.]?(?:i?q\d\w*|fp?(?:16|32)|bf16|mxfp4|\d{5}-of-\d{5}|molm))*\.(?:gguf|safetensors)$/i

/** The name of a model that is a folder or a file: the folder's name, or the file's if it says which model it is. */
export function nameOfPath(path: string): string {
  const whole = resolve(path)
  const name = basename(whole)
  return (SAYS_NOTHING.test(name) && basename(dirname(whole))) || name
}
