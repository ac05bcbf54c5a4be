// What a rule is, and which paths a rule may leave alone.

export type Violation = { readonly line: number; readonly message: string }

/** A rule reads one file and lists what breaks it. Paths are relative to the repository, with forward slashes. */
export type Rule = (path: string, text: string) => ReadonlyArray<Violation>

/** What only runs in tests: it may print, read clocks and speak SQL. */
export const isTest = (path: string): boolean =>
  path.endsWith(".test.ts") || path.startsWith("tests/") || path.startsWith("shared/testing/")

export const isUnder = (path: string, ...folders: ReadonlyArray<string>): boolean =>
  folders.some((folder) => path.startsWith(`${folder}/`))

/** The service a path belongs to, if it belongs to one. */
export const serviceOf = (path: string): string | undefined => /^services\/([^/]+)\//.exec(path)?.[1]
