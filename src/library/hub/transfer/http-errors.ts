import { UserError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { printable } from '../../../ground/printable.js'
import { askedWait, TransientError } from './retry.js'
import type { Reply } from './transport.js'

/** Subject of a request, in words for the user. */
export interface Subject {
  /** `owner/name`, or a file in it. */
  what: string
  repo: string
  revision: string
  hasToken: boolean
}

const BUSY = [408, 425, 429, 500, 502, 503, 504]

/** Maps a failed answer to an error: a transient one to try again after, or one for the user. */
export function httpError(reply: Reply, subject: Subject): TransientError | UserError {
  const { status, headers } = reply
  if (BUSY.includes(status)) {
    const why = status === 429 ? 'too many requests' : 'the server is busy'
    return new TransientError(`${why} (status ${status})`, askedWait(headers))
  }
  const { what, repo, revision, hasToken } = subject
  const host = reply.url.host
  switch (headers['x-error-code']) {
    case 'GatedRepo':
      return new UserError(
        phrase`${repo}: the model is gated on ${host}: ask for access on its page there${
          hasToken ? ', with the account of your token' : phrase`, then give a token (${option('token')} or HF_TOKEN)`
        }`,
      )
    case 'RevisionNotFound':
      return new UserError(`${repo}: has no revision '${revision}' on ${host}; see the branches and tags on its page`)
    case 'RepoNotFound':
      return noRepository(repo, host, hasToken)
    case 'EntryNotFound':
      return new UserError(`${what}: there is no such file on ${host}`)
  }
  if (status === 401 && hasToken) return new UserError(`${host} does not accept the token (status 401); make a new one`)
  if (status === 401 || status === 404) return noRepository(repo, host, hasToken)
  if (status === 403) return new UserError(`${what}: ${host} forbids it to you (status 403)`)
  const said = headers['x-error-message']
  return new UserError(`${what}: ${host} answers with status ${status}${said ? ` (${printable(String(said))})` : ''}`)
}

/** The hub does not say whether a repository is missing or only hidden. */
function noRepository(repo: string, host: string, hasToken: boolean): UserError {
  const hidden = hasToken
    ? 'hidden from your token'
    : phrase`private (then give a token: ${option('token')} or HF_TOKEN)`
  return new UserError(phrase`${repo}: there is no such model on ${host}, or it is ${hidden}`)
}
