/** Whether a text that begins with YYYY-MM-DD begins with a day of the calendar: Date reads the 31st of February as a day of March. */
export function beginsWithDay(text: string): boolean {
  const day = text.slice(0, 10)
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)
}
