/**
 * A response template, version 1: the inverse of a chat template. It splits the text of an answer into fields such as
 * `thinking`, `content` and `tool_calls`. tokenizer_config.json may hold one as `response_template`, with keys in snake
 * case.
 */
export interface ResponseTemplate {
  /** Values of fields that the text does not have. */
  defaults?: Record<string, unknown>
  fields: Record<string, ResponseField>
  /** Text after which an answer begins in a rendered prompt. */
  startAnchor?: string | string[]
  startAnchorPattern?: string
}

/** A field: a region of the text between an opener and a closer. At most one field has no opener. */
export interface ResponseField {
  open?: string | string[]
  openPattern?: string
  close?: string | string[]
  closePattern?: string
  /** How the region is parsed. `python-calls` (LFM2) and `mistral-calls` are molm's own: lists of calls. */
  content?: 'text' | 'int' | 'float' | 'bool' | 'json' | 'xml-inline' | 'kv-lines' | 'python-calls' | 'mistral-calls'
  contentArgs?: Record<string, unknown>
  /** Every region becomes an entry of a list. */
  repeats?: boolean
  /** With `repeats`: the regions become one text, with this between. */
  join?: string
  optional?: boolean
  transform?: unknown
  transformEach?: boolean
}
