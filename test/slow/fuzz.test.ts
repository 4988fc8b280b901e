import '../support/fuzz.ts'
