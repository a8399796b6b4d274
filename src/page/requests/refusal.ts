/** A refusal by the server; `field` is the request's field that caused it, if the server names one. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly field?: string,
  ) {
    super(message)
  }
}
