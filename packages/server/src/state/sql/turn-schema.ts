/** Rows by which processes agree whose turn it is, see `state/leases`. */
export interface UploadLockRow {
  upload_id: string;
  process: string;
  /** Tells the locks of one process apart. */
  grant_no: number;
  until: number;
  /** 1: somebody else wants it. */
  asked: number;
  /** 1: it was taken from a process that let it run out. */
  forced: number;
}

export interface ExtentClaimRow {
  upload_id: string;
  offset: number;
  holder: string;
  until: number;
  /** 1: it was taken from a process that let it run out. */
  forced: number;
}

export interface TurnTables {
  extent_claims: ExtentClaimRow;
  upload_locks: UploadLockRow;
}
