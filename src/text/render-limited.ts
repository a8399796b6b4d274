import { answerQuestions } from './answer-questions.js'
import { JinjaProgram } from './jinja-program.js'

// The script of a process that renders a chat template.
answerQuestions((source: string) => {
  const program = new JinjaProgram(source)
  return (variables: Record<string, unknown>) => program.render(variables)
})
