// A bot that finds films: `BOT_TOKEN=… KINOTEKA_KEY=… node telegram-bot.mjs`. KINOTEKA_KEY is a personal key of the scope `read`.
const {
  BOT_TOKEN,
  KINOTEKA_KEY,
  KINOTEKA = 'http://localhost:3000',
  TELEGRAM = 'https://api.telegram.org',
} = process.env

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
process.once('SIGINT', () => stop.abort())

async function telegram(method, body) {
  const answer = await fetch(`${TELEGRAM}/bot${BOT_TOKEN}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: stop.signal,
  })
  const { ok, result, description } = await answer.json()
  if (!ok) throw new Error(`${method}: ${description}`)
  return result
}

async function search(query) {
  const url = `${KINOTEKA}/movies/search?${new URLSearchParams({ query: query.slice(0, 200) })}`
  const answer = await fetch(url, { headers: { 'x-api-key': KINOTEKA_KEY }, signal: stop.signal })
  const body = await answer.json()
  // A problem says in `detail` what to change.
  if (!answer.ok) return body.detail
  const lines = body.items
    .slice(0, 5)
    .map(({ title, year, rating }) => `${title} (${year ?? '?'}) ${rating ?? ''}`.trim())
  return lines.join('\n') || 'Nothing found'
}

let offset = 0
while (!stop.signal.aborted) {
  try {
    for (const { update_id, message } of await telegram('getUpdates', { offset, timeout: 50 })) {
      offset = update_id + 1
      if (message?.text) await telegram('sendMessage', { chat_id: message.chat.id, text: await search(message.text) })
    }
  } catch (error) {
    if (stop.signal.aborted) break
    process.stderr.write(`${error.message}\n`)
    await new Promise((resolve) => setTimeout(resolve, 5000))
  }
}
