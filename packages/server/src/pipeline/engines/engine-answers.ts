/** The other end of `engine-process.ts`: answers requests one after the other, and ends with the server. */

export type EngineAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

/** `answer` may throw or reject: the server hears why, and may ask again. */
export function answerRequests<Request>(answer: (request: Request) => unknown): void {
  process.on('message', (request) => {
    void reply(() => answer(request as Request));
  });
  // The server is gone: nobody waits for us any more.
  process.on('disconnect', () => process.exit(0));
}

async function reply(answer: () => unknown): Promise<void> {
  let reply: EngineAnswer;
  try {
    reply = { ok: true, value: await answer() };
  } catch (error) {
    reply = { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(reply);
}
