/** A strip of film and a K: an ICO of 32 × 32 with one PNG, which is what a browser asks for by itself. */
export const icon = Buffer.from(
  'AAABAAEAICAAAAEAIABpAQAAFgAAAIlQTkcNChoKAAAADUlIRFIAAAAgAAAAIAQDAAAAgVRnxwAAADBQTFRFJiYmHigzHigyHigzHigyHCUv9c' +
    'VCHykzwqA+57tBYlk3LjQ0h3U6QUE1pow81q5AYA2HHQAAAAZ0Uk5TAvPIbdAb1FEefgAAAAlwSFlzAAALEwAACxMBAJqcGAAAAM1JREFUKM9l' +
    'kjEOAUEYhf8EF9CoVVrdtjqtUzxs1soinhDtOoOIlkYvLsARZE/gBlubfwj/8Mov87+Z978RqTT5Ub0tUuvSaNaTKgN1JArBVFrMBwZMpEGAnK' +
    'NPLoFHJvyCAu6sAzqiYFVi54FKwQI4BuCKhBaoJa1HgfH5Bd635NjTgtRbmhEgJa2p0/0XbEKw9c8wHicMg2sTln7GpD0gDl7qwumMCbf2YQxw' +
    'ceMQXDSe8dCd3miXzByjzNWgwNQQhb1M/6v8K/v3OzwBk6flA7otPeQAAAAASUVORK5CYII=',
  'base64',
)
