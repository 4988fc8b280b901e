/** Batches of items as the text of one JSON array, a piece for each batch. */
export async function* arrayText<T>(batches: AsyncIterable<T[]>, serialise: (item: T) => string) {
  let separator = '['
  for await (const batch of batches) {
    yield separator + batch.map((item) => serialise(item)).join(',')
    separator = ','
  }
  yield separator === '[' ? '[]' : ']'
}
