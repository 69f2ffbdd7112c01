/** The inspector of a Node process that was started with `--inspect=127.0.0.1:0`: what its heap has, and collecting it. */
export class Inspector {
  #socket;
  #calls = 0;
  #waiting = new Map();

  /** At the WebSocket address that the process printed. */
  static async at(address) {
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`No inspector at ${address}`));
    });
    return new Inspector(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      const { resolve, reject } = this.#waiting.get(id) ?? {};
      this.#waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    };
  }

  /** Bytes. */
  async heapUsed() {
    const { usedSize } = await this.#call('Runtime.getHeapUsage');
    return usedSize;
  }

  /** Three times: what a finalizer lets go of is collected by the next. */
  async collectGarbage() {
    for (let i = 0; i < 3; i += 1) await this.#call('HeapProfiler.collectGarbage');
  }

  close() {
    this.#socket.close();
  }

  #call(method) {
    this.#calls += 1;
    const id = this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }
}
