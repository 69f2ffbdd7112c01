/** Rows of nodes that share a database. */
export interface NodeRow {
  name: string;
  process: string;
  host: string;
  pid: number;
  role: string;
  version: string;
  started_at: number;
  seen_at: number;
  until: number;
}

export interface LeaseRow {
  name: string;
  process: string;
  node: string;
  fence: number;
  /** How often the holder was asked for something. */
  wanted: number;
  until: number;
}

export interface NodeTables {
  nodes: NodeRow;
  leases: LeaseRow;
}
