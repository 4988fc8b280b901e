/** Batches of JSON texts as the text of one array, a piece for each batch. */
export async function* arrayText(batches: AsyncIterable<string[]>) {
  let separator = '['
  for await (const batch of batches) {
    yield separator + batch.join(',')
    separator = ','
  }
  yield separator === '[' ? '[]' : ']'
}
