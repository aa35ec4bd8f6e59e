// Calls as a caller would write them, held against the types that are made from the contract.
import type { components, paths } from "./contract";

const company: components["schemas"]["CompanyInput"] = { name: "Alibaba", jurisdiction: "CN" };

type Board = paths["/v1/board"]["get"]["responses"][200]["content"]["application/json"];

export function mayOrder(board: Board): string[] {
  return board.rows.filter((row) => row.cells.some((cell) => cell.verdicts.order === "yes")).map((row) => row.company);
}

export function share(condition: components["schemas"]["Condition"]): string | null {
  return condition.kind === "domestic_share" ? condition.minimum : null;
}

// @ts-expect-error: a company has a jurisdiction.
export const companies: components["schemas"]["CompanyInput"][] = [company, { name: "Nowhere" }];
