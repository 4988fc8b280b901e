const keywords = new Set(
  'and or unless by on ignoring without group_left group_right offset bool vector inf nan'.split(' '),
)

/** What a query asks for: the metric and the labels that it picks by or groups by. */
export interface Asked {
  metric: string
  labels: string[]
}

/** The metrics of a query, each with the labels of its selector; labels of groupings are not told apart by metric. */
export function metricsIn(query: string): Asked[] {
  const bare = query
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
  return [...bare.matchAll(/(?<![\w:.$])([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?/g)]
    .filter(([, name = '', rest]) => rest !== '(' && !keywords.has(name.toLowerCase()))
    .map(([, metric = '', rest = '']) => ({
      metric,
      labels: [...rest.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }))
}

/** `http_request_duration_seconds_bucket` is a part of `http_request_duration_seconds`. */
export function familyOf(metric: string): string {
  return metric.replace(/_(bucket|sum|count)$/, '')
}
