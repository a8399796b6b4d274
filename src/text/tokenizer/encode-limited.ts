import { atOnce } from '../../in-turns.js'
import { answerQuestions } from '../sandbox/answer-questions.js'
import { Encoder } from './encoder.js'
import type { TokenizerDefinition } from './tokenizer-definition.js'
import { kindOf } from './tokenizer-kind.js'
import type { EncodeRequest } from './tokenizer-process.js'
import { readVocabulary } from './vocabulary.js'

// The script of a sandbox process that encodes texts with a tokenizer's unpublished patterns.
answerQuestions((definition: TokenizerDefinition) => {
  const encoder = new Encoder(definition, readVocabulary(definition.model.vocab), kindOf(definition))
  return ({ text, most = Number.POSITIVE_INFINITY, ...options }: EncodeRequest) => {
    return atOnce(encoder.encodeUpTo(text, most, options)) ?? null
  }
})
