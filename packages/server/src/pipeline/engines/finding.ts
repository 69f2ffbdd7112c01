/** What was found out about one kind of engine, for `doctor`. */
export interface EngineFinding {
  readonly subject: string;
  readonly ready: boolean;
  readonly found: string;
  readonly advice: string | null;
}
