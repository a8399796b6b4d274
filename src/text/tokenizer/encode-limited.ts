import { atOnce } from '../../ground/in-turns.js'
import { answerQuestions } from '../sandbox/answer-questions.js'
import type { TokenizerDefinition } from './definition/tokenizer-definition.js'
import { kindOf } from './definition/tokenizer-definition.js'
import { readVocabulary } from './definition/vocabulary.js'
import { Encoder } from './encoding/encoder.js'
import type { EncodeRequest } from './tokenizer-process.js'

// The script of a sandbox process that encodes texts with a tokenizer's unpublished patterns.
answerQuestions((definition: TokenizerDefinition) => {
  const encoder = new Encoder(definition, readVocabulary(definition.model.vocab), kindOf(definition))
  return ({ text, most = Number.POSITIVE_INFINITY, ...options }: EncodeRequest) => {
    return atOnce(encoder.encodeUpTo(text, most, options)) ?? null
  }
})
