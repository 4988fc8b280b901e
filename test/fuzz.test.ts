import './support/fuzz.ts'
