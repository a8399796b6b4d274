import * as parser from '@eslint-community/regexpp'

export function regexpp(): typeof parser {
  return parser
}
