import type { News } from '../normalise.ts'
import type { Layer } from '../request.ts'

type Listener = (news: News) => Promise<void>

/** Tells of every new answer; a listener that fails is told of and does not spoil the answer. */
export function createNews(warn: (error: unknown, message: string) => void) {
  let listener: Listener = async () => {}
  const told: Layer = (ask) => async (question, call) => {
    const answer = await ask(question, call)
    const news = answer.value ? question.news?.(answer.value, answer.fetchedAt) : undefined
    if (news) await listener(news).catch((error) => warn(error, 'what Kinopoisk told could not be stored'))
    return answer
  }
  return {
    told,
    listen(by: Listener) {
      listener = by
    },
  }
}
