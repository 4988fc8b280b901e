/**
 * Letters and digits that look like a Latin letter, of those in names.ts: after NFKC, in lower case, without marks. Of
 * Unicode's confusables.txt (UTS #39, version 15, as ICU 72 has it), also for the upper-case forms. Right-to-left ones
 * and those beyond the BMP are escaped.
 */
const lookAlikes = {
  a: 'ɑαаᗅꓮꭺ\u{102a0}\u{16f40}',
  b: 'ƀƃƅɓβбвьѣҍᏼᑲᑳᖯᗷᲀᲇꓐꞵꮟ\u{10282}\u{102a1}\u{10301}',
  c: 'ȼсҫᲃᴄⲥꓚꮯ\u{102a2}\u{10302}\u{1043d}\u{1051c}\u{118e9}',
  d: 'ðđƌɖɗԁᑯᗞᗪꓒꓓꭰꮷ',
  e: 'ɇεеҽҿⴹꓰꬲꭼ\u{10286}\u{118c6}\u{118ce}',
  f: 'ƒϝքᖴᵮẝꓝꞙꬵ\u{10287}\u{102a5}\u{10525}\u{118c2}',
  h: 'ħɦнћңһӈӊհᏺᕼⱨⲏꓧꚕꮋꮒ\u{102cf}',
  i: 'ıɨɩɪιіӏᵻᵼꙇꭵ\u{118c3}',
  k: 'ƙκкқҟᛕⱪⲕꓗꝁꮶ\u{10518}',
  l: 'łƚǀɫɭ\u{5d5}\u{5df}\u{627}\u{661}\u{673}۱\u{7ca}ᒪᛁⲓⳑⵏꓡꓲꮮ\u{1028a}\u{10309}\u{10443}\u{10526}\u{118d2}\u{16f16}\u{16f28}',
  m: 'ɱμϻмӎᵯⲙꮇ\u{11700}\u{118e3}',
  n: 'ƞɲɳηνոռᵰⲛꓠ\u{10513}',
  o: 'øɵθοσоѳөօ\u{5e1}\u{647}\u{665}\u{6be}\u{6c1}\u{6d5}۵\u{6ff}\u{7c0}०০੦૦ଠ୦௦౦೦ഠ൦๐໐တဝ၀ჿዐᲂᴏᴑⲟⴱⵁⵔꓳꝋꬽꬾꭴꮎꮻ\u{10292}\u{102ab}\u{1042c}\u{104ea}\u{10516}\u{114d0}\u{118c8}\u{118d5}\u{118d7}\u{118e0}',
  p: 'ƥρрᑭᵽⲣꓑꮲ\u{10295}',
  r: 'ɍɼɽʀгғᖇᴦᵲⲅꓣꭇꭈꭱꮁꮢ\u{104dc}\u{16f35}',
  s: 'ƽʂѕտᵴꓢꜱꮥꮪ\u{10296}\u{10448}\u{118c1}\u{16f3a}',
  t: 'ŧƭʈτтҭᲄᲅᵵⱦⲧꓔꭲ\u{10297}\u{102b1}\u{10315}\u{16f0a}',
  u: 'ʉʋυսሀᑌᴜᵾꓴꞟꭎꭒꮜ\u{104f6}\u{118d8}\u{16f42}',
  w: 'ɯѡѽԝաᴡꓪꝡꮃꮤ\u{114c5}\u{1170a}\u{1170e}\u{1170f}\u{118e6}',
  y: 'ƴɏɣʏγуүұყᶌỿⲩꓬꭚꭹꮍ\u{102b2}\u{118c4}\u{118dc}\u{16f43}',
}
const latin = new Map(
  Object.entries(lookAlikes).flatMap(([letter, others]) => [...others].map((other) => [other, letter] as const)),
)

/**
 * What is left of a name to a quick eye: two names with the same skeleton look alike. Stricter than UTS #39's: marks and
 * punctuation count for nothing, and `1`, `i` and `l` are one, as are `0` and `o`.
 */
export function skeletonOf(name: string): string {
  const letters = [
    ...name
      .normalize('NFKD')
      .toLowerCase()
      .normalize('NFD')
      .replace(/[\p{M}_.-]/gu, ''),
  ]
  return letters
    .map((letter) => latin.get(letter) ?? letter)
    .join('')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replace(/[1l]/g, 'i')
    .replaceAll('0', 'o')
}
