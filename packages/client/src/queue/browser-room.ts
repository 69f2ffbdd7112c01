/** How much the browser lets us keep, and the promise not to take it away. */

/** Left free for the rest of the page, and for what the estimate does not count. */
const reserveBytes = 32 * 2 ** 20;

/** Whether `bytes` more should fit. Unknown counts as yes: storing will tell. */
export async function hasRoomFor(bytes: number): Promise<boolean> {
  try {
    const { quota, usage } = await navigator.storage.estimate();
    return quota === undefined || usage === undefined || usage + bytes + reserveBytes <= quota;
  } catch {
    return true;
  }
}

/** Asks once more; null when the browser cannot say. */
export async function askToPersist(): Promise<boolean | null> {
  try {
    return (await navigator.storage.persisted()) || (await navigator.storage.persist());
  } catch {
    return null;
  }
}
