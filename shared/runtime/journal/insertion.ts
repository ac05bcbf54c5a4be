/** Whole rows into a table, by what the table says of itself. */
import type { Cell, Row, Table } from "../decider.ts"
import type { Column } from "./columns.ts"

/** A part of the statement: each column is a parameter, and `text` gets the expressions that unfold them. */
export interface Part {
  /** Parts of one shape have one text. */
  readonly shape: string
  readonly columns: ReadonlyArray<Column>
  readonly text?: (columns: string) => string
  readonly expects?: { readonly what: string; readonly count: (columns: string) => string; readonly want: number }
}

/** `cte` names it; a table has one write in a statement, so that its own name will do. */
export const insertion = (cte: string, table: Table, rows: ReadonlyArray<Row>, gate: string, returning = ""): Part => {
  const columns = Object.entries(table.columns)
  if (table.write === "delete") return removal(cte, table, rows, gate)
  const guarded = table.write === "guarded"
  const answer = guarded ? " returning 1" : returning
  return {
    shape: shapeOf(table),
    columns: columns.map(([name, type]) => ({ type, optional: type === "text", cells: rows.map(cellOf(table, name)) })),
    text: (unfolded) => {
      const names = columns.map(([name]) => `"${name}"`).join(", ")
      const values = columns.map(([name]) => `u."${name}"`).join(", ")
      return `${cte} as (insert into ${table.name} as t (${names})
  select ${values} from unnest(${unfolded}) u(${names})${gate}${onConflict(table)}${answer})`
    },
    ...(guarded && { expects: counted(cte, rows.length) })
  }
}

const counted = (cte: string, want: number): NonNullable<Part["expects"]> => ({
  what: "guarded rows",
  count: () => `select count(*) from ${cte}`,
  want
})

const removal = (cte: string, table: Table, rows: ReadonlyArray<Row>, gate: string): Part => ({
  shape: shapeOf(table),
  columns: table.key.map((name) => {
    const type = table.columns[name] as string
    return { type, optional: type === "text", cells: rows.map(cellOf(table, name)) }
  }),
  text: (unfolded) => {
    const names = table.key.map((name) => `"${name}"`).join(", ")
    const same = table.key.map((name) => `t."${name}" = u."${name}"`).join(" and ")
    const order = table.key.map((name) => `t."${name}"`).join(", ")
    // Looked up row by row, and by an order that names the index: a join may scan a table that was empty once.
    return `${cte} as (delete from ${table.name} t using (select x.ctid as place from unnest(${unfolded}) u(${names})
  cross join lateral (select t.ctid from ${table.name} t where ${same} order by ${order} limit 1) x) g${gate}
  where t.ctid = g.place returning 1)`
  },
  expects: counted(cte, rows.length)
})

const shapes = new WeakMap<Table, string>()
const shapeOf = (table: Table): string => {
  const known = shapes.get(table)
  if (known !== undefined) return known
  const shape = JSON.stringify([table.name, table.write, table.key, table.columns])
  shapes.set(table, shape)
  return shape
}

const cellOf =
  (table: Table, name: string) =>
  (row: Row): Cell => {
    const cell = row[name]
    if (cell === undefined) throw new Error(`a row of ${table.name} has no ${name}`)
    return cell
  }

const conditions: { readonly [W in Table["write"]]?: string } = {
  rank: " where t.rank < excluded.rank",
  guarded: " where t.version = excluded.was"
}

const onConflict = ({ columns, key, write }: Table): string => {
  if (write === "insert") return ""
  const keys = key.map((name) => `"${name}"`).join(", ")
  const rest = Object.keys(columns).filter((name) => !key.includes(name))
  if (rest.length === 0) return ` on conflict (${keys}) do nothing`
  const set = rest.map((name) => `"${name}" = excluded."${name}"`).join(", ")
  const where = conditions[write] ?? ""
  return `\n  on conflict (${keys}) do update set ${set}${where}`
}
