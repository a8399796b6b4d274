/** Questions about what nano knows. A newcomer cannot know it; what other models know, they can guess. */
const OF_NANO = ['What is a lighthouse?', 'What is 23 + 45?', 'Write a short poem about the sea.']

/** Questions to propose at the beginning of a conversation with a model of this name; none if it needs none. */
export function firstQuestions(model: string): readonly string[] {
  return model === 'nano' ? OF_NANO : []
}
