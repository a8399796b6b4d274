import { answerQuestions } from '../sandbox/answer-questions.js'
import { JinjaProgram } from './program.js'

// The script of a sandbox process that renders a chat template.
answerQuestions((source: string) => {
  const program = new JinjaProgram(source)
  return (variables: Record<string, unknown>) => program.render(variables)
})
