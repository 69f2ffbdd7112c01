/** The load generator, a process of its own: takes one job from its parent, answers with the figures. */
import { bulk, concatenation, resume, small } from './workloads.mjs';

const workloads = { bulk, small, resume, concatenation };

/** Asks the parent to kill the server and start it again. */
function restart() {
  return new Promise((resolve) => {
    process.once('message', resolve);
    process.send({ type: 'restart' });
  });
}

async function answer(job) {
  try {
    return { type: 'result', result: await workloads[job.kind](job, restart) };
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.once('message', async (job) => {
  // Disconnected only when it is sent: the figures of many files do not fit into the channel's buffer.
  process.send(await answer(job), () => process.disconnect());
});
