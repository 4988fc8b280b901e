interface Reply {
  headers(values: Record<string, string>): Reply
  send(payload: never): unknown
}

/** A picture, which caches keep for a year. */
export function sendPicture(
  reply: Reply,
  { etag, bytes, contentType }: { etag: string; bytes: Buffer; contentType: string },
  visibility: 'public' | 'private',
): never {
  return reply
    .headers({
      etag,
      'content-type': contentType,
      'cache-control': `${visibility}, max-age=31536000, immutable`,
      'x-content-type-options': 'nosniff',
    })
    .send(bytes as never) as never
}
