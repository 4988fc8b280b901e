/** A piece of HTML without its tags; entities stay as they are. */
export function withoutTags(html: string): string {
  return html.replace(/<br\s*\/?>|<\/(?:p|div|li)>/gi, '\n').replace(/<\/?[a-z][^<>]*>/gi, '')
}
