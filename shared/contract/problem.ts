/** What every error code says of itself. */
export type Category =
  | "validation"
  | "business"
  | "transient"
  | "permanent"
  | "timeout"
  | "conflict"
  | "unknown_outcome"

export interface Problem {
  readonly status: number
  readonly category: Category
  readonly retryable: boolean
  readonly title: string
  readonly whatToDo: string
}

export const problem = (
  status: number,
  category: Category,
  retryable: boolean,
  title: string,
  whatToDo: string
): Problem => ({
  status,
  category,
  retryable,
  title,
  whatToDo
})
