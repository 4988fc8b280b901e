interface Reply {
  headers(values: Record<string, string>): Reply
  send(payload: never): unknown
}

/** A picture, for caches that share it or not, for as long as its address means this one. */
export function sendPicture(
  reply: Reply,
  { etag, bytes, contentType }: { etag: string; bytes: Buffer; contentType: string },
  cacheControl: `${'public' | 'private'}, ${'max-age=31536000, immutable' | 'max-age=86400' | 'no-cache'}`,
): never {
  return reply
    .headers({
      etag,
      'content-type': contentType,
      'cache-control': cacheControl,
      'x-content-type-options': 'nosniff',
    })
    .send(bytes as never) as never
}
